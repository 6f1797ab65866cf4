# SPDX-License-Identifier: Apache-2.0
"""Whoever takes over the process that talks to a broker has that connection and no more: it can't
start programs, look into the daemon, write files or reach the control socket."""
import pathlib
import signal
import subprocess

from garden import wait_until

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


def publisher_of(gateway):
    children = pathlib.Path(f"/proc/{gateway.child.pid}/task/{gateway.child.pid}/children")
    every = [int(pid) for task in children.parents[1].iterdir()
             for pid in (task / "children").read_text().split()]
    return next((pid for pid in every
                 if b"--publisher" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()), None)


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
