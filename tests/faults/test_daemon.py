# SPDX-License-Identifier: Apache-2.0
"""The whole daemon at a simulated bus: stopped and continued, reloaded, watched by a service manager,
its certificates replaced. Nothing is lost, nothing is invented."""
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import threading
import time

import garden
import pytest
from test_outages import assert_whole, wait_for_news
from tls import Authority, TlsBroker
from webclient import request

LINES = [
    {"name": "nodes", "baud": 19200, "units": [
        {"kind": "native", "address": 1, "name": "plot-1", "period_s": 1}]},
    {"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}]


def begin(site, environment=None, **more):
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.gateway = garden.Gateway(site.folder, site.broker, site.buses("1s"), **more)
    site.gateway.environment.update(environment or {})
    site.gateway.start()
    garden.wait_until(lambda: all(site.watcher.count(name) >= 3 for name in site.names.values()),
                      40, "readings arrive")


@pytest.fixture
def ready(site, needs):
    needs("baiye-field", "baiyed", "baiye-node")
    return site


# ---- Stopped --------------------------------------------------------------------------------

def test_a_gateway_that_freezes_now_and_then(ready):
    """What it asked before is answered long after: not one answer is taken for another's."""
    begin(ready)
    dice = random.Random(7)
    for _ in range(20 if garden.FULL else 8):
        time.sleep(dice.uniform(0.05, 0.6))
        ready.gateway.signal(signal.SIGSTOP)
        time.sleep(dice.uniform(0.1, 60 if garden.FULL and dice.random() < 0.1 else 1.5))
        ready.gateway.signal(signal.SIGCONT)
    wait_for_news(ready, 15)
    assert_whole(ready)  # what the node sampled meanwhile comes from its log, after newer ones
    order = ready.watcher.order["air"]
    assert order == sorted(order)


# ---- Reloaded -------------------------------------------------------------------------------

def test_a_bad_configuration_is_refused_and_a_good_one_loses_nothing(ready):
    begin(ready)
    gateway = ready.gateway
    pid, good = gateway.child.pid, gateway.config_path.read_text()
    lines = good.splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "commit_every" in text)
    gateway.config_path.write_text(good.replace("commit_every: 200ms", "commit_every: 200 bananas"))
    gateway.signal(signal.SIGHUP)
    garden.wait_until(lambda: "reload refused" in gateway.log(), 10, "it is refused")
    assert f"{gateway.config_path}:{line}:" in gateway.log()
    wait_for_news(ready)
    assert gateway.running() and gateway.log().count("polling 2 devices") == 1
    for n in range(3):
        gateway.config["store"]["commit_every"] = f"{150 + 50 * n}ms"
        gateway.write_config()
        before = gateway.log().count("polling 2 devices")
        gateway.signal(signal.SIGHUP)
        garden.wait_until(lambda: gateway.log().count("polling 2 devices") > before, 15,
                          "it starts anew")
        wait_for_news(ready)
    assert gateway.running() and gateway.child.pid == pid
    assert_whole(ready)


# ---- Certificates ---------------------------------------------------------------------------

def served_serial(port, authority):
    context = ssl.create_default_context(cafile=str(authority.pem))
    with socket.create_connection(("127.0.0.1", port), 60) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as link:
        return link.getpeercert()["serialNumber"]


def test_certificates_are_replaced_while_it_runs(ready):
    first, second = Authority(ready.folder / "first"), Authority(ready.folder / "second")
    far = TlsBroker(ready.folder / "far", first, client_authority=first)
    ready.add(far).start()
    own, web = ready.folder / "own", ready.folder / "web"
    first.issue("gateway", own)
    first.issue("web", web)
    port = garden.free_port()
    ready.start_broker()
    ready.start_field(LINES)
    watcher, ready.watcher = garden.Watcher(far), None
    ready.gateway = garden.Gateway(ready.folder, ready.broker, ready.buses("1s"), http={
        "listen": f"127.0.0.1:{port}", "cert_file": f"{web}.pem", "key_file": f"{web}.key"})
    ready.gateway.config["mqtt"].append({
        "name": "far", "url": f"mqtts://127.0.0.1:{far.tls_port}", "user": "gateway",
        "password_file": str(far.password_file("gateway")), "ca_file": str(first.pem),
        "cert_file": f"{own}.pem", "key_file": f"{own}.key"})
    ready.gateway.write_config()
    ready.gateway.start()
    ready.watcher = watcher
    wait_for_news(ready)
    assert served_serial(port, first)
    # New ones of another authority; the broker goes over to it as well.
    second.issue("gateway", own)
    second.issue("web", web)
    ready.gateway.signal(signal.SIGHUP)
    garden.wait_until(lambda: ready.gateway.log().count("polling 2 devices") == 2, 15, "reloaded")
    garden.wait_until(lambda: ready.gateway.log().count("http: listening") == 2, 15, "listening")
    assert served_serial(port, second)
    with pytest.raises(ssl.SSLError):
        served_serial(port, first)
    config = far.folder / "mosquitto.conf"
    config.write_text(config.read_text().replace(f"cafile {first.pem}", f"cafile {second.pem}"))
    far.stop()
    far.start()
    wait_for_news(ready, 60)
    assert_whole(ready)


# ---- Watched --------------------------------------------------------------------------------

class Manager:
    """What systemd is to a service of Type=notify."""

    def __init__(self, folder):
        self.path = folder / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.said = []  # (time, what)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                data = self.socket.recv(4096)
            except OSError:
                return
            now = time.monotonic()
            self.said += [(now, line) for line in data.decode().splitlines()]

    def times(self, what):
        return [at for at, line in list(self.said) if line == what]

    def quiet_for(self):
        return time.monotonic() - max(self.times("WATCHDOG=1"), default=0)


def shim():
    library = str(garden.BUILD / "lib" / "fault-shim.so")
    linked = subprocess.run(["ldd", garden.program("baiyed")], capture_output=True, text=True).stdout
    return " ".join([line.split("=>")[1].split()[0] for line in linked.splitlines()
                     if "libasan" in line] + [library])


def test_the_watchdog_is_fed_only_while_all_make_progress(ready):
    manager = Manager(ready.folder)
    faults = ready.folder / "faults"
    faults.write_text("")
    port = garden.free_port()
    begin(ready, {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "3000000",
                  "LD_PRELOAD": shim(), "BAIYE_SHIM": str(faults)},
          http={"listen": f"127.0.0.1:{port}"})
    garden.wait_until(lambda: len(manager.times("WATCHDOG=1")) >= 3, 10, "fed")
    assert len(manager.times("READY=1")) == 1
    pings = manager.times("WATCHDOG=1")
    assert (pings[-1] - pings[0]) / (len(pings) - 1) < 3
    faults.write_text("fsync_ms=3600000")  # the store thread stands in fsync()
    garden.wait_until(lambda: manager.quiet_for() > 4, 30, "no longer fed")
    garden.wait_until(lambda: '["store"]' in ready.gateway.log(), 10, "it is told who stands")
    assert request(port, "/alive").status == 503
    faults.write_text("")
    fed = len(manager.times("WATCHDOG=1"))
    garden.wait_until(lambda: len(manager.times("WATCHDOG=1")) >= fed + 3, 30, "fed again")
    assert request(port, "/alive").status == 200
    assert len(manager.times("READY=1")) == 1
    assert ready.gateway.stop(15) == 0
    garden.wait_until(lambda: manager.times("STOPPING=1"), 5, "stopping is said")
    assert max(manager.times("WATCHDOG=1")) <= manager.times("STOPPING=1")[0] + 0.1


def test_it_is_not_ready_before_it_works(ready):
    """No READY=1 when it can't start; the exit code says why."""
    manager = Manager(ready.folder)
    ready.start_broker()
    gateway = ready.gateway = garden.Gateway(ready.folder, ready.broker, [])
    gateway.config["buses"] = "nonsense"
    gateway.write_config()
    gateway.environment["NOTIFY_SOCKET"] = str(manager.path)
    gateway.start()
    assert gateway.child.wait(120) == 78
    assert manager.said == []


def test_a_frozen_publisher_is_replaced(ready):
    """A process that is there and does nothing: no other sign of it than silence."""
    begin(ready)
    ready.gateway.stop()
    ready.gateway.config["mqtt"][0]["keepalive"] = "5s"
    ready.gateway.write_config()
    ready.gateway.start()
    wait_for_news(ready)
    children = subprocess.run(["pgrep", "-P", str(ready.gateway.child.pid)], capture_output=True,
                              text=True).stdout.split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGSTOP)
    garden.wait_until(lambda: "says nothing" in ready.gateway.log(), 30, "it is found out")
    wait_for_news(ready)
    assert_whole(ready)
    stats = json.loads(subprocess.run(
        [garden.program("baiye"), "stats", "--json", "--socket",
         ready.gateway.config["control"]["socket"]], capture_output=True, text=True).stdout)
    assert stats["brokers"][0]["restarts"] == 1
