# SPDX-License-Identifier: Apache-2.0
"""The daemon owns its port: what technicians do meanwhile goes through its control socket, between
the polls, and whoever wants the port itself is told who has it."""
import json
import os
import subprocess
import threading

import pytest

import garden
from garden import wait_until

UNITS = [{"kind": "xy-md02", "address": 1, "name": "air"},
         {"kind": "rs-ws-n01-tr", "address": 2, "name": "soil"}]


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiye-field", "baiyed", "baiye")


def start(site):
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "strict": True, "units": UNITS}])
    site.start_watcher()
    site.start_gateway(every="200ms")
    wait_until(lambda: site.watcher.count("air") > 2 and site.watcher.count("soil") > 2, 30,
               "both are polled")


def baiye(site, *arguments):
    return subprocess.run([garden.program("baiye"), *map(str, arguments), "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=60,
                          check=False)


def test_every_tool_works_while_the_daemon_polls(site):
    """Each several times, all at once: no two frames meet on the wire, none comes too early for a
    strict line, and no poll fails for it."""
    start(site)
    before = site.field.counts("east")
    commands = {
        ("read", "soil", "0", "2"): lambda out: len(out.splitlines()) == 2,
        ("raw", "east", "2", "0300000002"): lambda out: out.startswith("0304"),
        ("scan", "east", "1", "3"): lambda out: "2 found" in out,
        ("devices",): lambda out: "soil" in out,
        ("stats", "--json"): lambda out: json.loads(out)["buses"][0]["state"] == "up",
        ("audit", "5"): lambda out: True,
    }
    wrong = []

    def run(command, right):
        for _ in range(3):
            done = baiye(site, *command)
            if done.returncode != 0 or not right(done.stdout):
                wrong.append((command, done))

    threads = [threading.Thread(target=run, args=item) for item in commands.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    polled = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > polled + 3, 20, "polls go on")
    after = site.field.counts("east")
    for what in ("t35_violations", "collisions", "garbled", "mismatched"):
        assert after[what] == before[what], what
    assert after["requests"] - before["requests"] >= 3 * (1 + 1 + 2)
    assert not site.watcher.gap_seqs("air") and not site.watcher.gap_seqs("soil")


def test_no_tool_opens_the_port_itself(site):
    """With the daemon gone, and nobody holding the port, each says so and leaves the line alone."""
    start(site)
    site.gateway.child.terminate()
    site.gateway.child.wait(120)
    before = site.field.counts("east")["requests"]
    for command in (("read", "soil", "0", "2"), ("write", "soil", "x", "1"), ("scan", "east", "1", "3"),
                    ("raw", "east", "2", "0300000002"), ("pause", "east", "5"), ("resume", "east"),
                    ("devices",), ("stats",), ("audit", "5")):
        done = baiye(site, *command)
        assert done.returncode == 69 and "no gateway" in done.stderr, (command, done)
    assert site.field.counts("east")["requests"] == before


def test_who_wants_the_port_itself_is_refused(site):
    start(site)
    before = site.field.counts("east")
    second = site.folder / "second.yaml"
    second.write_text(json.dumps({"site": "s", "buses": site.gateway.config["buses"]}))
    once = subprocess.run([garden.program("baiyed"), "--config", second, "--once"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert once.returncode == 1 and "another program holds the port" in once.stdout
    if os.getuid() != 0:  # root passes TIOCEXCL; for others the kernel refuses to open it
        with pytest.raises(OSError):
            os.open(site.field.port("east"), os.O_RDWR | os.O_NOCTTY)
    polled = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > polled + 3, 20, "polls go on")
    after = site.field.counts("east")
    assert after["garbled"] == before["garbled"] and after["collisions"] == before["collisions"]
