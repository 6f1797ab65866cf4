# SPDX-License-Identifier: Apache-2.0
"""`baiye node`: lamp, self-test, black box, counters and clock of one of our nodes."""
import json
import os
import re
import struct
import subprocess
import time

import garden
import pytest


@pytest.fixture(scope="module")
def node(request, tmp_path_factory):
    site = garden.Site(tmp_path_factory.mktemp("node"))
    request.addfinalizer(site.close)
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "native", "address": 3, "name": "plot", "period_s": 2},
        {"kind": "xy-md02", "address": 4, "name": "air"}]}])
    site.start_gateway()

    def baiye(*words, language="C"):
        return subprocess.run([garden.program("baiye"), *words, "--socket",
                               str(site.folder / "baiyed.sock")], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "LC_ALL": language})

    def run(*words, code=0):
        done = baiye("node", *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
    run.baiye = baiye
    garden.wait_until(lambda: garden.listens(site.folder / "baiyed.sock"), 20, "the control socket")
    return run


def test_its_lamp_blinks(node):
    assert "lamp" in node("plot", "blink")


def test_its_self_test_says_each_part(node):
    said = node("plot", "selftest")
    assert [line.split()[1] for line in said.splitlines()] == ["good"] * 4
    assert json.loads(node("plot", "selftest", "--json")) == {"self_test": 0}


def test_its_black_box_has_names_and_words(node):
    box = json.loads(node("plot", "blackbox", "--json"))
    assert box["uptime"] >= 0 and len(box["reset_counts"]) == 7 and box["nv_errors"] == 0
    said = node("plot", "blackbox")
    assert "reset_cause" in said and re.search(r"^uptime +\d+ s  since this power-up", said, re.M)
    assert re.search(r"^stack_free +- bytes", said, re.M) and re.search(r"^awake +\d+\.\d %", said, re.M)
    chinese = node.baiye("node", "plot", "blackbox", language="zh_CN.UTF-8").stdout
    assert len(chinese.splitlines()) >= 17 and not re.search(r" [a-z]+ [a-z]+ [a-z]+", chinese), chinese


def test_its_counters_stand_beside_the_gateways(node):
    counted = json.loads(node("plot", "counters", "--json"))
    assert len(counted["line_counts"]) == 8 and counted["line_counts"][0] > 0
    assert counted["gateway"]["device"] == "plot"
    assert "the gateway's" in node("plot", "counters")


def test_its_clock_is_told_against_this_machines(node):
    now = struct.pack(">I", int(time.time())).hex() + "0000"
    node.baiye("raw", "east", "3", f"100500000306{now}")
    said = json.loads(node("plot", "time", "--json"))
    assert said["known"] and abs(said["ahead_s"]) < 30 and abs(said["time"] - time.time()) < 60
    assert "against this machine's clock" in node("plot", "time")


def test_others_and_nobody_are_told_apart(node):
    assert "no node of ours" in node("air", "blink", code=1)
    assert "no device" in node("nobody", "blink", code=1)
    assert "Usage" in node("plot", "dance", code=64)
