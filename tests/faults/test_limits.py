# SPDX-License-Identifier: Apache-2.0
"""Too little of what a process gets from the system: memory, file descriptors. It goes on without,
says so, or ends cleanly and is started again; nothing committed is lost."""
import json
import os
import pathlib
import socket
import subprocess
import time

import garden
import pytest

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
        callers.append(socket.create_connection(("127.0.0.1", running.http_port), 5))
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
    callers[0].settimeout(10)
    assert callers[0].recv(12) == b"HTTP/1.1 200", "who waited is let in"
    garden.wait_until(lambda: running.watcher.retained.get("alert/descriptors") == b"", 10,
                      "the alert ends")
    for caller in callers:
        caller.close()
    garden.assert_true_to_ledger(running, running.watcher.copy())


@pytest.mark.parametrize("count", [8, 10, 12, 14, 16, 18])
def test_too_few_descriptors_from_the_start(count, site, needs):
    """It runs with what it got and says what it lacks, or ends saying why: never by a signal."""
    needs("baiyed")
    site.start_broker()
    site.gateway = garden.Gateway(site.folder, site.broker, [
        {"name": "east", "type": "tcp", "port": f"127.0.0.1:{garden.free_port()}", "devices": [
            {"name": "air", "profile": "xy-md02", "address": 1, "every": "1s"}]}],
        http={"listen": f"127.0.0.1:{garden.free_port()}"})
    site.gateway.arguments[:0] = ["prlimit", f"--nofile={count}:{count}"]
    site.gateway.start()
    garden.wait_until(lambda: not site.gateway.running() or "polling" in site.gateway.log(), 10,
                      "it runs or ends")
    assert f"only {count} file descriptors are allowed" in site.gateway.log()
    time.sleep(2)  # tries what it has no descriptors for
    if site.gateway.running():
        assert site.gateway.stop() == 0
    else:
        assert site.gateway.child.returncode == 71  # EX_OSERR
