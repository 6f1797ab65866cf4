# SPDX-License-Identifier: Apache-2.0
"""`baiye values`: what the devices measured last, while the service runs."""
import json
import os
import pty
import re
import subprocess

import garden
import pytest

LINES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]
ABSENT = {"name": "gone", "profile": "xy-md02", "address": 9, "every": "1s"}


@pytest.fixture
def running(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    buses = site.buses("1s")
    buses[0]["devices"].append(ABSENT)
    site.gateway = garden.Gateway(site.folder, site.broker, buses)
    site.gateway.start()
    garden.wait_until(lambda: site.watcher.count("air") > 2, 20, "readings")
    return site


def values(site, *words):
    return subprocess.run([garden.program("baiye"), "values", *words, "--socket",
                           str(site.folder / "baiyed.sock")], capture_output=True, text=True,
                          timeout=60)


def test_the_table_has_each_device_with_units_ages_and_what_to_look_at(running):
    done = garden.wait_until(lambda: (d := values(running)).stdout.count("DOES NOT ANSWER") == 1
                             and d, 30, "the absent one is known as absent")
    assert done.returncode == 1
    assert re.search(r"^air \(bus east, address 1\), \d+ s ago$", done.stdout, re.M), done.stdout
    assert re.search(r"^  air_temperature +-?\d+\.\d+ °C$", done.stdout, re.M), done.stdout
    assert "gone (bus east, address 9), nothing yet, DOES NOT ANSWER" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    assert values(running, "air").returncode == 0

    def stats(device):
        return subprocess.run([garden.program("baiye"), "stats", device, "--socket", str(
            running.folder / "baiyed.sock")], capture_output=True, text=True, timeout=60).stdout
    garden.wait_until(lambda: "answers begin after" in stats("air"), 30, "how fast it answers")
    assert "DOES NOT ANSWER" in stats("gone") and "answers begin" not in stats("gone")


def test_it_is_what_the_broker_has(running):
    live = running.watcher.live["air"]  # before: another one may come meanwhile
    found = json.loads(values(running, "air", "--json").stdout)
    assert found["ts"] >= live["ts"] and found["age_ms"] >= 0
    assert {v["metric"] for v in found["values"]} == set(live["values"])
    assert all(v["unit"] for v in found["values"])


def test_an_unknown_device_is_named(running):
    done = values(running, "nobody")
    assert done.returncode == 66 and '"nobody"' in done.stderr and not done.stdout


def test_watching_prints_again_and_again(running):
    main, terminal = pty.openpty()
    child = subprocess.Popen([garden.program("baiye"), "values", "air", "--watch", "--socket",
                              str(running.folder / "baiyed.sock")], stdout=terminal)
    os.close(terminal)
    text = b""
    while text.count(b"\033[H") < 3:
        text += os.read(main, 4096)
    child.terminate()
    child.wait(120)
    os.close(main)
    assert text.count(b"air_temperature") >= 2


SHOWN = {("values",): "气温", ("stats",): "请求", ("stats", "gone"): "不应答", ("devices",): "设备",
         ("scan", "east", "1", "2"): "找到 1 个", ("nodes", "east"): "找到 0 个", ("resume", "east"): "轮询继续"}


def test_what_is_shown_is_chinese_where_the_terminal_is(running):
    """No word of English but names: of devices, buses, metrics, profiles, units."""
    for words, expected in SHOWN.items():
        done = subprocess.run(
            [garden.program("baiye"), *words, "--socket", str(running.folder / "baiyed.sock")],
            capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "zh_CN.UTF-8"})
        assert expected in done.stdout, (words, done.stdout, done.stderr)
        left = set(re.findall(r"(?<![\w./-])[A-Za-z]{3,}(?![\w./-])", done.stdout))
        assert left <= {"air", "gone", "east", "local", "garden"}, (words, left, done.stdout)


def test_the_plan_is_chinese_where_the_terminal_is(running):
    done = subprocess.run([garden.program("baiyed"), "--config", running.gateway.config_path, "--check"],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, "LC_ALL": "zh_CN.UTF-8"})
    assert done.returncode == 0 and "功能码 4，寄存器 0x0001..0x0002（2 个）" in done.stdout, done.stdout
    assert not re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", done.stdout), done.stdout


def test_a_script_gets_no_progress_of_a_scan(running):
    done = subprocess.run([garden.program("baiye"), "scan", "east", "1", "3", "--socket",
                           str(running.folder / "baiyed.sock")], capture_output=True, timeout=60)
    assert done.stdout == b"unit 1 answers\n1 found\n", done.stdout


def test_times_are_the_gardens_wherever_the_machine_thinks_that_it_is(running):
    def told(zone, *words):
        return subprocess.run(
            [garden.program("baiye"), *words, "--socket", str(running.folder / "baiyed.sock")],
            capture_output=True, text=True, timeout=60, env={**os.environ, "TZ": zone}).stdout

    told("UTC", "raw", "east", "1", "0400000001")
    lines = {told(zone, "audit", "1") for zone in ("Asia/Shanghai", "America/Lima")}
    assert len(lines) == 1 and "0400000001" in lines.pop()
