# SPDX-License-Identifier: Apache-2.0
"""Too little of what a process gets from the system: memory, file descriptors. It goes on without,
says so, or ends cleanly and is started again; nothing committed is lost."""
import http.client
import json
import os
import pathlib
import random
import resource
import socket
import subprocess
import sys
import time

import garden
import pytest
from gateway import Gateway, assert_in_order, assert_true, wait_all

LINES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


def limit_files(process, count):
    subprocess.run(["prlimit", "--pid", str(process.child.pid), f"--nofile={count}:"], check=True)


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def running(site, needs):
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.http_port = garden.free_port()
    site.start_gateway(every="1s", more={"http": {"listen": f"127.0.0.1:{site.http_port}"}})
    garden.wait_until(lambda: site.watcher.count() >= 3, 30, "readings arrive")
    return site


def test_no_descriptor_left_is_told_and_neither_ends_nor_spins(running):
    pid = running.gateway.child.pid
    open_now = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
    limit_files(running.gateway, open_now)
    callers = []
    for _ in range(4):  # they wait to be let in
        callers.append(socket.create_connection(("127.0.0.1", running.http_port), 60))
        callers[-1].sendall(b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n")
        callers.append(socket.socket(socket.AF_UNIX))
        callers[-1].connect(running.gateway.config["control"]["socket"])
    garden.wait_until(lambda: running.watcher.retained.get("alert/descriptors"), 10, "an alert")
    assert "descriptor" in json.loads(running.watcher.retained["alert/descriptors"])["what"]
    assert "no file descriptor is left" in running.gateway.log()
    used, taken, began = cpu_s(pid), running.watcher.count(), time.monotonic()
    running.broker.kill()
    running.broker.start()
    garden.wait_until(lambda: running.watcher.count() >= taken + 3, 30, "polling goes on")
    assert (cpu_s(pid) - used) / (time.monotonic() - began) < 0.5, "it spins"
    limit_files(running.gateway, 256)
    callers[0].settimeout(60)
    assert callers[0].recv(12) == b"HTTP/1.1 200", "who waited is let in"
    garden.wait_until(lambda: running.watcher.retained.get("alert/descriptors") == b"", 10,
                      "the alert ends")
    for caller in callers:
        caller.close()
    garden.assert_true_to_ledger(running, running.watcher.copy())


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("count", [8, 10, 12, 14, 16, 18])
def test_too_few_descriptors_from_the_start(count, site, needs):
    """It runs with what it got and says what it lacks, or ends saying why: never by a signal."""
    needs("baiyed")
    site.start_broker()
    port = garden.free_port()
    site.gateway = garden.Gateway(site.folder, site.broker, [
        {"name": "east", "type": "tcp", "port": f"127.0.0.1:{garden.free_port()}", "devices": [
            {"name": "air", "profile": "xy-md02", "address": 1, "every": "1s"}]}],
        http={"listen": f"127.0.0.1:{port}"})
    site.gateway.arguments[:0] = ["prlimit", f"--nofile={count}:{count}"]
    site.gateway.start()
    # It ends, or runs with all that it needs, or says what it has no descriptors for.
    said = ("no file descriptor is left", "process can't be started", "publish local: connected")
    garden.wait_until(lambda: not site.gateway.running() or "polling" in site.gateway.log() and
                      any(text in site.gateway.log() for text in said), 15, "it runs or ends")
    assert f"only {count} file descriptors are allowed" in site.gateway.log()
    if site.gateway.running():
        assert answers(port) == ("http: listening" in site.gateway.log()), "what it says is true"
        assert site.gateway.stop() == 0
    else:
        assert site.gateway.child.returncode == 71  # EX_OSERR


def page(port, path):
    """Status and body, None: nobody answers."""
    try:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        asked.request("GET", path)
        answer = asked.getresponse()
        return answer.status, answer.read()
    except OSError:
        return None
    finally:
        asked.close()


ALLOWED = 1536  # more than the daemon asks for by itself, fewer than its unit allows

# Runs a program that finds all descriptors taken but those below a number, and as many allowed.
CROWDED = ("import os, resource, sys; null, most = os.open('/dev/null', os.O_RDONLY), int(sys.argv[2]);"
           "limit = resource.RLIMIT_NOFILE;"
           "resource.setrlimit(limit, (most, resource.getrlimit(limit)[1]));"
           "[os.dup2(null, fd) for fd in range(int(sys.argv[1]), most)]; os.close(null);"
           "os.execv(sys.argv[3], sys.argv[3:])")


def test_http_comes_when_there_are_descriptors_again(tmp_path):
    """Too few at the start: neither a socket nor the app's folder. Both come later.

    The HTTP side alone, because it opens its descriptors one after the other; in the daemon other
    threads take some meanwhile."""
    port, app, said = garden.free_port(), tmp_path / "app", tmp_path / "said"
    app.mkdir()
    (app / "index.html").write_text("the app")

    def starts_without_http(free):
        with said.open("w") as log:
            host = subprocess.Popen(
                [sys.executable, "-c", CROWDED, str(free), str(ALLOWED), garden.BUILD / "bin/http_host",
                 str(port), str(garden.free_port()), app], stderr=log)
        garden.wait_until(lambda: host.poll() is not None or any(
            word in said.read_text() for word in ("http: listening", "http: can't listen")), 30,
            "it listens, or says that it can't")
        if host.poll() is None and "http: can't listen" in said.read_text():
            return host
        host.kill()
        host.wait()
        return None
    host = next(filter(None, map(starts_without_http, range(3, 24))))
    try:
        assert page(port, "/alive") is None and "http: no app in" in said.read_text()
        resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (ALLOWED + 256, ALLOWED + 256))
        garden.wait_until(lambda: "http: listening" in said.read_text(), 15, "it says so")
        assert page(port, "/") == (200, b"the app")
        host.terminate()
        assert host.wait(120) == 0
    finally:
        host.kill()
        host.wait()


def test_an_address_that_is_free_again_is_of_no_use_without_descriptors(site, needs):
    """Told until it listens, and no sooner taken for good."""
    needs("baiyed")
    site.start_broker()
    site.start_watcher()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        site.start_field(LINES)
        site.start_gateway(every="1s", more={"http": {"listen": f"127.0.0.1:{port}"}})
        garden.wait_until(lambda: site.watcher.retained.get("alert/http"), 15, "an alert")
        pid = site.gateway.child.pid
        limit_files(site.gateway, max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1)
        callers = [socket.socket(socket.AF_UNIX) for _ in range(8)]  # each takes one that gets free
        for caller in callers:
            caller.connect(site.gateway.config["control"]["socket"])
        garden.wait_until(lambda: site.watcher.retained.get("alert/descriptors"), 10, "none left")
    until = time.monotonic() + 6  # a try and more
    while time.monotonic() < until:
        assert not answers(port) and "http: listening" not in site.gateway.log()
        assert site.watcher.retained["alert/http"] != b""
        time.sleep(0.2)
    limit_files(site.gateway, 256)
    garden.wait_until(lambda: page(port, "/alive") == (200, b"alive\n"), 15, "it answers")
    garden.wait_until(lambda: site.watcher.retained["alert/http"] == b"", 10, "the alert ends")
    for caller in callers:
        caller.close()


def address_space(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmSize:")[1].split()[0]) * 1024


def limit_memory(pid, size):
    """As the user that it is: a publisher is another one than the daemon. False: it has just ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    user, group = (status.split(f"{what}:")[1].split()[0] for what in ("Uid", "Gid"))
    change = [] if int(user) == os.geteuid() else ["setpriv", f"--reuid={user}", f"--regid={group}",
                                                   "--clear-groups"]
    done = subprocess.run([*change, "prlimit", "--pid", str(pid), f"--as={size}:"], check=False)
    ended = not pathlib.Path(f"/proc/{pid}").exists()
    assert done.returncode == 0 or ended
    return not ended


def test_no_memory_to_be_had_loses_nothing_committed(broker, gateways, watchers):
    """Neither for the gateway nor for its publisher. What was taken at start must do; who can't go
    on ends by itself and is started again."""
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*Gateway.broker_arguments(broker), "--rate", 200)
    garden.wait_until(lambda: watcher.count() > 200, 10, "readings flow")
    pids = [gateway.child.pid, gateway.stats()["brokers"][0]["pid"]]
    for pid in pids:
        assert limit_memory(pid, address_space(pid))
    first = gateway.stats()["stored"]
    gateway.put(2000)
    asked = gateway.ask(f"resend 1 {gateway.boot} 1 20")
    garden.wait_until(lambda: gateway.stats()["stored"] >= first + 2500, 20, "storing goes on")
    assert asked["result"] in ("ok", "the store cannot be used now"), asked
    connects = gateway.stats()["brokers"][0]["connects"]
    broker.kill()
    broker.start()

    def noticed():
        link = gateway.stats()["brokers"][0]
        return link["state"] != "up" or link["connects"] > connects
    garden.wait_until(noticed, 20, "the lost connection")
    for pid in {*pids, gateway.stats()["brokers"][0]["pid"]}:
        limit_memory(pid, "unlimited")
    gateway.wait_state("up", 30)
    gateway.ask("rate 0")
    taken = gateway.stats()["taken"]
    for device in range(8):  # what the broker forgot when it was killed
        assert gateway.ask(f"resend {device} {gateway.boot} 1 {taken}")["result"] == "ok"
    wait_all(watcher, taken)
    assert_in_order(watcher)
    assert gateway.stats()["lost"] == 0


def test_an_allocation_of_paho_that_fails_loses_nothing(broker, gateways, watchers, tmp_path):
    """The n-th of a publisher process, for n from its first on: it goes on, or it ends and another
    one is started; the broker gets every reading, and none that was not taken."""
    broker.start()
    watcher = watchers(broker)
    hit = tmp_path / "shim.hit"
    tried, gateway = [], None
    for n in sorted(random.sample(range(1, 500), 200)) if garden.FULL else range(1, 200, 14):
        hit.unlink(missing_ok=True)
        if gateway is None:
            gateway = gateways(*Gateway.broker_arguments(broker), "--commit-every", 50,
                               "--keepalive", 3, shim=f"paho={n}")
        else:
            gateway.shim.write_text(f"paho={n}")
            gateway.start()
        taken = gateway.put(80)
        boot = gateway.boot

        def arrived(boot=boot):
            return sum(1 for key in watcher.copy() if key[1] == boot)

        garden.wait_until(lambda: arrived() == taken, 180, f"all readings, allocation {n} failed")
        gateway.wait_state("up")
        tried.append((n, hit.exists() and hit.stat().st_size > 0))
        assert gateway.stats()["brokers"][0]["restarts"] <= 2, f"allocation {n}: again and again"
        assert gateway.quit() == 0
    assert sum(was_hit for _, was_hit in tried) >= len(tried) // 2 > 4, tried
    assert_true(watcher.copy())


def written(gateway):
    """Bytes that the gateway wrote anywhere but to its standard output."""
    counts = pathlib.Path(f"/proc/{gateway.child.pid}/io").read_text()
    return int(counts.split("wchar: ")[1].split()[0])


def test_a_group_costs_a_tenth_of_what_single_commits_cost(gateways, tmp_path):
    """Flash wears by what is written: readings a commit at a time against those of one second."""
    cost = {}
    for name, each, every_ms in (("single", 1, 1), ("group", 32, 1000)):
        gateway = gateways("--commit-every", every_ms, store=tmp_path / f"{name}.db")
        gateway.put(32)
        gateway.wait_stored(32)
        before, answers = written(gateway), 0
        for n in range(1, 11 if each > 1 else 101):
            gateway.put(each)
            answers += len(f"{{\"taken\":{32 + n * each}}}\n")
            while True:
                gateway.child.stdin.write(b"stats\n")
                line = gateway.child.stdout.readline()
                answers += len(line)
                if json.loads(line)["stored"] >= 32 + n * each:
                    break
                time.sleep(0.01)
        readings = 320 if each > 1 else 100
        cost[name] = (written(gateway) - before - answers) / readings
        assert gateway.quit() == 0
    assert cost["group"] <= cost["single"] / 10, cost
