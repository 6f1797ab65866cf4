# SPDX-License-Identifier: Apache-2.0
"""While a bus is paused its port belongs to another tool: mbpoll, which is not ours, gets all of its
answers. What was not polled meanwhile is a gap, and polling goes on whatever becomes of the tool."""
import json
import os
import pathlib
import signal
import subprocess

import garden
import pytest

LINES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"},
    {"kind": "xy-md02", "address": 2, "name": "shed"}]}]
MBPOLL = ["mbpoll", "-m", "rtu", "-b", "{baud}", "-P", "none", "-a", "1", "-t", "3", "-r", "2",
          "-c", "2", "-l", "20", "{port}"]


@pytest.fixture
def running(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="100ms")
    garden.wait_until(lambda: site.watcher.count("air") > 3, 20, "readings")
    return site


def baiye(site, *words, **more):
    return subprocess.run([garden.program("baiye"), *words], capture_output=True, text=True,
                          timeout=60, **more)


def at(site):
    return ["--socket", str(site.folder / "baiyed.sock")]


def open_by(pid, port):
    real = os.path.realpath(port)
    return any(os.path.realpath(fd) == real for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def state(site):
    stats = json.loads(baiye(site, "stats", "--json", *at(site)).stdout)
    return stats["buses"][0]["state"]


def goes_on(site):
    had = site.watcher.count("air")
    garden.wait_until(lambda: site.watcher.count("air") > had + 2, 20, "polled again")


def test_a_paused_port_is_closed_and_another_tool_gets_every_answer(running):
    port, pid = running.field.port("east"), running.gateway.child.pid
    assert open_by(pid, port)
    assert baiye(running, "pause", "east", "60", *at(running)).returncode == 0
    assert not open_by(pid, port)  # when the answer is there it is free already
    assert state(running) == "paused"
    refused = baiye(running, "read", "air", "0", *at(running))
    assert refused.returncode == 1 and "paused" in refused.stderr
    words = [word.replace("{port}", str(port)).replace("{baud}", "9600") for word in MBPOLL]
    for _ in range(10):
        done = subprocess.run(words[:-1] + ["-1", words[-1]], capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    assert baiye(running, "resume", "east", *at(running)).returncode == 0
    goes_on(running)
    assert running.watcher.gaps


def test_a_command_has_the_line_for_as_long_as_it_runs(running):
    done = baiye(running, "line", "run", "east", *at(running), "--", *MBPOLL[:-1], "-1", "{port}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[2]:" in done.stdout and "is free, 9600 baud" in done.stderr
    goes_on(running)
    assert state(running) == "up"


def test_its_exit_code_and_its_surroundings_are_those_of_the_command(running):
    done = baiye(running, "line", "run", "east", *at(running), "--", "sh", "-c",
                 'echo "$BAIYE_PORT $BAIYE_BAUD $BAIYE_PARITY $BAIYE_STOP_BITS"; exit 7')
    assert done.returncode == 7
    assert done.stdout == f"{running.field.port('east')} 9600 N 1\n"
    missing = baiye(running, "line", "run", "east", *at(running), "--", "no-such-tool")
    assert missing.returncode == 127 and "no-such-tool" in missing.stderr
    goes_on(running)
    assert baiye(running, "line", "run", "east").returncode == 64
    assert baiye(running, "line", "run", "west", *at(running), "--", "true").returncode == 69


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_it_is_stopped_the_tool_ends_and_polling_goes_on(running, number):
    child = subprocess.Popen([garden.program("baiye"), "line", "run", "east", *at(running), "--",
                              "sleep", "600"], start_new_session=True, stderr=subprocess.PIPE)
    garden.wait_until(lambda: state(running) == "paused", 20, "paused")
    tool = garden.wait_until(
        lambda: pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split(),
        10, "it runs")[0]
    garden.wait_until(lambda: b"sleep" in pathlib.Path(f"/proc/{tool}/cmdline").read_bytes(), 10,
                      "it is the tool")
    os.killpg(child.pid, number)
    child.wait(120)
    garden.wait_until(lambda: not pathlib.Path(f"/proc/{tool}").exists(), 10, "it ends")
    if number == signal.SIGINT:  # the other is over when the short pause that it asked for is
        goes_on(running)
    child.stderr.close()
