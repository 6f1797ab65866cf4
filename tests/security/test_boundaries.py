# SPDX-License-Identifier: Apache-2.0
"""Whoever takes over a process that talks to strangers (a publisher, the notifier, the screen) has its
connections and its keys and no more: it can't start programs, look into the daemon, read other
files, write any, or reach the control socket. What that comes to is shown by
tests/unit/common/test_boundary.c; here that the programs do it."""
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

import garden
import ledscreen
from garden import wait_until
from test_notify import service, start as start_notifying, way  # noqa: F401

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


PARTS = "system calls, memory, files, ports"  # of a kernel from 6.7 on


def has_landlock():
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 4


def child_of(gateway, option):
    children = pathlib.Path(f"/proc/{gateway.child.pid}/task/{gateway.child.pid}/children")
    every = [int(pid) for task in children.parents[1].iterdir()
             for pid in (task / "children").read_text().split()]
    return next((pid for pid in every
                 if option.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()), None)


def publisher_of(gateway):
    return child_of(gateway, "--publisher")


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_the_publisher_has_given_up_what_it_does_not_need(site, needs):
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    site.start_gateway()
    wait_until(lambda: site.watcher.count("air") >= 3, 30, "readings are published")
    pid = publisher_of(site.gateway)
    said = status(pid)
    assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", said
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    assert len(tasks) > 1, "Paho's threads are there"
    for task in tasks:
        assert "Seccomp:\t2" in (task / "status").read_text()
    # A core would hold its keys and password: none is written.
    dump = subprocess.run(["sh", "-c", f"kill -{int(signal.SIGSEGV)} {pid}"], check=False)
    assert dump.returncode == 0
    wait_until(lambda: publisher_of(site.gateway) not in (pid, None), 20, "it is started anew")
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 20, "and goes on")


def stats(site):
    told = subprocess.run([garden.program("baiye"), "stats", "--json", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=30)
    return json.loads(told.stdout) if told.returncode == 0 else None


def broker_of(site):
    """Once its process has said what it gave up."""
    told = stats(site)
    entry = told["brokers"][0] if told else {}
    return entry if entry.get("state") == "up" and entry["boundary"] != "nothing" else None


def assert_in_force(said):
    assert said.startswith("system calls, memory"), said
    if has_landlock():
        assert said == PARTS


def test_what_is_in_force_stands_in_stats_and_log(site, needs):
    needs("baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_gateway()
    broker = wait_until(lambda: broker_of(site), 30, "the publisher has said so")
    said = re.findall(r"publish local: its process is bounded: (.*)", site.gateway.log())
    assert said == [broker["boundary"]]
    assert_in_force(broker["boundary"])


def test_a_password_that_was_replaced_is_read_by_a_process_begun_anew(site, needs):
    """As `baiye` and most editors replace a file: another one takes its name."""
    needs("baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    site.start_gateway()
    before = wait_until(lambda: broker_of(site), 30, "it is connected")["pid"]
    fresh = site.folder / "fresh.pass"
    fresh.write_text(site.broker.passwords["gateway"] + "\n")
    os.replace(fresh, site.broker.folder / "gateway.pass")
    site.broker.stop()
    site.broker.start()
    after = wait_until(lambda: broker_of(site), 60, "it is connected again")
    if has_landlock():
        assert after["pid"] != before and after["restarts"] == 1
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 30, "readings are published")


def test_the_notifier_gives_up_the_same_and_still_delivers(site, service, needs):
    needs("baiye-field", "baiyed")
    start_notifying(site, [way(site, service, "ntfy", "ntfy")])
    wait_until(lambda: service.texts("/"), 40, "somebody is told")
    said = status(child_of(site.gateway, "--notifier"))
    assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", said
    assert_in_force(re.findall(r"notify: its process is bounded: (.*)", site.gateway.log())[0])


@pytest.mark.parametrize("output", ["ddp", "png"])
def test_the_screen_gives_up_the_same_and_still_shows(site, needs, output):
    needs("baiye-led")
    broker = ledscreen.start_broker(site)
    picture = site.folder / "picture.png"
    panel = ledscreen.Receiver(128, 64)
    outputs = [{"type": "ddp", "to": f"127.0.0.1:{panel.port}"}]
    if output == "png":
        outputs = [{"type": "png", "file": str(picture)}]
    led = site.add(ledscreen.Led(site.folder, broker, outputs))
    led.start()
    try:
        if output == "ddp":
            panel.wait(lambda _: True, 20, "a picture")
        else:
            wait_until(picture.exists, 20, "a picture")
        said = status(led.child.pid)
        assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", said
        wait_until(lambda: "is bounded" in led.log(), 10, "it says so")
        assert_in_force(re.findall(r"the program is bounded: (.*)", led.log())[0])
    finally:
        panel.stop()
