# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of a configuration: mistakes with file, line and remedy (exit 78), the poll
plan (--check), and one poll of everything (--once)."""
import json
import os
import re
import subprocess

import pytest
import yaml

import garden

GOOD = """\
site: garden
store: { path: readings.db }
mqtt:
  - { name: local, url: 'mqtt://127.0.0.1:1883', budget: 30MB/month, batch: 10min }
buses:
  - name: east
    port: /dev/ttyUSB0
    baud: 9600
    devices:
      - { name: plot-1, profile: baiye-node, address: 1, every: 60s }
      - { name: soil-7, profile: zts-3001-7in1, address: 7, every: 5min }
      - { name: soil-8, profile: sn-3002-npk, address: 8, every: 5min }
"""


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiyed")


def baiyed(*arguments, timeout=60, language="C"):
    return subprocess.run([garden.program("baiyed"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False, env={**os.environ, "LC_ALL": language})


def check(folder, text):
    path = folder / "gateway.yaml"
    path.write_text(text)
    return path, baiyed("--config", path, "--check")


MAN = garden.ROOT / "gateway" / "packaging" / "man"
PAGE = (MAN / "baiye.yaml.5").read_text()
# A key that nobody knows, in each part of the page: the message lists those that are known.
PARTS = {
    "The file": "qqqqqqqq: 1",
    "location": "location: { qqqqqqqq: 1 }",
    "forecast": "forecast: { qqqqqqqq: 1 }",
    "store": "store: { qqqqqqqq: 1 }",
    "http": "http: { qqqqqqqq: 1 }",
    "control": "control: { qqqqqqqq: 1 }",
    "A broker of mqtt": "mqtt: [{ qqqqqqqq: 1 }]",
    "A plot of plots": "plots: [{ qqqqqqqq: 1 }]",
    "A bus of buses": "buses: [{ qqqqqqqq: 1 }]",
    "A device of a bus": "buses: [{ devices: [{ qqqqqqqq: 1 }] }]",
    "A rule of alerts": "alerts: [{ qqqqqqqq: 1 }]",
    "An action of actions": "actions: [{ qqqqqqqq: 1 }]",
    "A way of notify": "notify: [{ qqqqqqqq: 1 }]",
    "wecom": "notify: [{ wecom: { qqqqqqqq: 1 } }]",
    "dingtalk and feishu": "notify: [{ feishu: { qqqqqqqq: 1 } }]",
    "ntfy": "notify: [{ ntfy: { qqqqqqqq: 1 } }]",
    "webhook": "notify: [{ webhook: { qqqqqqqq: 1 } }]",
    "mail": "notify: [{ mail: { qqqqqqqq: 1 } }]",
    "sms": "notify: [{ sms: { qqqqqqqq: 1 } }]",
    "output": "notify: [{ output: { qqqqqqqq: 1 } }]",
}


def assert_listed(page, part, told):
    known = re.search(r"unknown key .*; known are (.*)", told).group(1).split(", ")
    text = page.split(f".Ss {part}\n")[1].split("\n.S")[0]
    listed = [key for item in re.findall(r"^\.It Cm (.*)", text, re.M)
              for key in item.split(" , Cm ")]
    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize("part", PARTS)
def test_the_manual_page_lists_each_key_that_is_known(part, tmp_path):
    _, done = check(tmp_path, PARTS[part] + "\n")
    assert_listed(PAGE, part, done.stderr)


PROFILE_PARTS = {
    "The profile": "qqqqqqqq: 1",
    "A field of fields": "fields: [{ qqqqqqqq: 1 }]",
    "A block of blocks": "blocks: [{ qqqqqqqq: 1 }]",
    "A write of writes": "writes: [{ qqqqqqqq: 1 }]",
}


@pytest.mark.parametrize("part", PROFILE_PARTS)
def test_the_page_of_profiles_lists_each_key_that_is_known(part, tmp_path):
    path = tmp_path / "meter.yaml"
    path.write_text(PROFILE_PARTS[part] + "\n")
    done = subprocess.run([garden.BUILD / "bin" / "baiye", "profile", "check", path],
                          capture_output=True, text=True)
    assert_listed((MAN / "baiye-profile.5").read_text(), part, done.stdout + done.stderr)


@pytest.mark.parametrize("number", range(2))
def test_the_manual_pages_examples_are_good(tmp_path, number):
    texts = [part.split(".Ed\n")[0] for part in PAGE.split(".Bd -literal\n")[1:]]
    assert len(texts) == 2
    _, done = check(tmp_path, texts[number])
    assert done.returncode == 0, done.stderr


def test_there_is_no_other_part():
    assert re.findall(r"^\.Ss (.*)", PAGE, re.M) == list(PARTS)


WRONG = {
    "unknown key": ("baud: 9600", "bauds: 9600", 8, "unknown key \"bauds\"", "did you mean \"baud\"?"),
    "bad type": ("baud: 9600", "baud: fast", 8, "not a whole number", "baud: 9600"),
    "out of range": ("address: 7,", "address: 700,", 11, "outside 0..255", "address: 7"),
    "not a unit of serial lines": ("address: 7,", "address: 0,", 11, "address 0", "1..247"),
    "no unit of time": ("every: 60s", "every: 60", 10, "not a duration", "every: 60s"),
    "duplicate name": ("name: soil-7", "name: plot-1", 11, "stands twice (first in line 10)", "own name"),
    "unknown profile": ("zts-3001-7in1", "zts-3001-8in1", 11, "unknown profile",
                        "did you mean \"zts-3001-7in1\"?"),
    "missing port": ("    port: /dev/ttyUSB0\n", "", 6, "has no port", "/dev/serial/by-id"),
    "two devices at one address": ("address: 8", "address: 7", 12, "both have address 7",
                                   "another address"),
    "not YAML": ("    baud: 9600", "  baud: [9600", 8, "not YAML", "write } or ]"),
    "RS-485 by whom": ("baud: 9600", "rs485: driver", 8, "rs485", "kernel"),
    "RS-485 of a connection": ("baud: 9600", "type: tcp\n    rs485: kernel", 6, "not a serial port", "leave it out"),
    "overload": ("every: 60s", "every: 1s, baud: 300", 6, "would need", "allow_overload"),
    "TLS without its CA": ("mqtt://127.0.0.1:1883", "mqtts://example.org", 4, "without a ca_file",
                           "ca_file: ca.pem"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_with_line_and_remedy(tmp_path, name):
    right, wrong, line, says, remedy = WRONG[name]
    assert GOOD.count(right) == 1
    path, result = check(tmp_path, GOOD.replace(right, wrong))
    assert result.returncode == 78, result
    assert result.stderr.startswith(f"{path}:{line}: "), result.stderr
    assert says in result.stderr and remedy in result.stderr
    assert result.stderr.count("\n") == 1 and not result.stdout


def test_a_reserved_address_on_a_serial_line_is_noted(tmp_path):
    _, result = check(tmp_path, GOOD.replace("address: 7,", "address: 250,"))
    assert result.returncode == 0, result.stderr
    assert "note: device soil-7: address 250 is reserved by the standard" in result.stdout
    assert "reserved by the standard" not in check(tmp_path, GOOD)[1].stdout


def test_a_rule_that_never_comes_is_a_warning(tmp_path):
    rule = "alerts:\n  - { name: hail, metric: air_temperature, below: %d }\n"
    _, result = check(tmp_path, GOOD + rule % -300)
    assert result.returncode == 0, result.stderr
    line = GOOD.count("\n") + 2
    assert f"warning: line {line}: alert hail: its limit -300 is outside" in result.stdout
    assert "warning" not in check(tmp_path, GOOD + rule % 2)[1].stdout


def test_a_way_that_no_alert_goes_to_is_a_warning(tmp_path):
    ways = "notify:\n  - { name: li, ntfy: { topic: a } }\n  - { name: wang, ntfy: { topic: b } }\n"
    _, result = check(tmp_path, GOOD + ways + "groups: { day: [li] }\n")
    assert result.returncode == 0, result.stderr
    line = GOOD.count("\n") + 3
    assert f"warning: line {line}: way wang is in no group" in result.stdout
    assert "warning" not in check(tmp_path, GOOD + ways)[1].stdout


def test_a_missing_file_is_a_mistake_too(tmp_path):
    result = baiyed("--config", tmp_path / "none.yaml", "--check")
    assert result.returncode == 78
    assert "none.yaml:1: can't read" in result.stderr


def test_the_plan_is_printed(tmp_path):
    _, result = check(tmp_path, GOOD)
    assert result.returncode == 0, result.stderr
    assert "plot-1: address 1, baiye-node, every 60 s: 1 request" in result.stdout
    assert "function 4, registers 0x0000..0x0015 (22)" in result.stdout
    assert "soil_nitrogen is not measured by this device: left out" in result.stdout
    assert re.search(r"load \d\.\d\d %", result.stdout)
    assert "stops answering costs at most" in result.stdout
    assert re.search(r"broker local: about [\d.]+ MB a month of a budget of 30.0 MB", result.stdout)


def month(folder, broker):
    """MB a month of a garden of 20 nodes, as --check says."""
    buses = "".join(f"      - {{ name: plot-{i}, profile: baiye-node, address: {i} }}\n"
                    for i in range(1, 21))
    _, result = check(folder, "site: garden\nmqtt:\n  - { name: county, url: 'mqtts://county.example',"
                      f" ca_file: ca.pem, batch: 10min, {broker} }}\nbuses:\n  - name: east\n"
                      f"    port: /dev/ttyUSB0\n    devices:\n{buses}")
    return float(re.search(r"broker county: about ([\d.]+) MB a month", result.stdout).group(1))


def test_what_is_not_sent_is_not_in_the_months_data(tmp_path):
    parts = "send: [readings, alerts, forecast, site, status]"
    whole = month(tmp_path, "encoding: deflate, panel: false")
    lean = month(tmp_path, f"encoding: deflate, {parts}")
    quiet = month(tmp_path, f"encoding: deflate, {parts}, keepalive: 240s")
    assert lean < 0.6 * whole and quiet < 0.6 * lean, (whole, lean, quiet)


SUMS = """\
site: garden
buses:
  - name: east
    port: /dev/ttyUSB0
    baud: 9600
    devices:
      - { name: soil, profile: zts-3001-7in1, address: 200, baud: 9600, every: 10s }
"""


def air(count):
    """So many probes that are polled every second."""
    return "".join(f"      - {{ name: air-{i}, profile: xy-md02, address: {i + 1}, every: 1s }}\n"
                   for i in range(count))


def test_the_plans_sums_are_those_of_a_pencil(tmp_path):
    """At 9600 baud 8N1 a byte takes 10/9.6 = 1.0417 ms, a silence 3.5 bytes = 3.6458 ms. A read is
    8 bytes, the answer 5 and 2 for each register; two silences; 2 ms are assumed for the device.
      air   13 + 4 bytes: 17.708 + 7.292 + 2 = 27.000 ms each second   2.70 %
      soil  13 + 14 bytes: 28.125 + 7.292 + 2 = 37.417 ms in 10 s      0.37 %
    together 3.07 %, 0.31 s in 10 s. A device is given up after 4 requests, each its longest time
    to answer, frames, silences, and 3 ms for a host that is late:
      air   4 * (500 + 17.708 + 7.292 + 3) = 2112 ms
      soil  4 * (1000 + 28.125 + 7.292 + 3) = 4153.7 ms"""
    _, result = check(tmp_path, SUMS + air(1))
    assert "air-0: address 1, xy-md02, every 1 s: 1 request, 27.0 ms\n" in result.stdout
    assert "soil: address 200, zts-3001-7in1, every 10 s: 1 request, 37.4 ms\n" in result.stdout
    assert "load 3.07 %: 0.31 s of line in 10 s\n" in result.stdout
    assert "a device that stops answering costs at most 4.2 s of line once" in result.stdout
    _, result = check(tmp_path, "".join(SUMS.splitlines(True)[:-1]) + air(1))
    assert "load 2.70 %: 0.03 s of line in 1 s\n" in result.stdout
    assert "a device that stops answering costs at most 2.1 s of line once" in result.stdout
    _, result = check(tmp_path, SUMS.replace("baud: 9600\n", "baud: 9600\n    response: 2s\n", 1))
    assert "a device that stops answering costs at most 8.2 s of line once" in result.stdout


@pytest.mark.parametrize("count,load", [(36, "97.57"), (37, "100.27"), (40, "108.37")])
def test_a_plan_is_refused_when_and_only_when_the_line_is_too_short(tmp_path, count, load):
    path, result = check(tmp_path, SUMS + air(count))
    if float(load) <= 100:
        assert result.returncode == 0 and f"load {load} %" in result.stdout
        assert "little is left for retries" in result.stdout
        return
    assert result.returncode == 78 and not result.stdout
    assert result.stderr == (
        f"{path}:3: bus \"east\" would need {float(load):.0f} % of its line; raise every: or baud:, "
        "use fewer devices, or write allow_overload: true\n")
    _, result = check(tmp_path, (SUMS + air(count)).replace("    baud:", "    allow_overload: true\n    baud:", 1))
    assert result.returncode == 0
    assert f"load {load} %" in result.stdout
    assert "MORE THAN THERE IS (allow_overload)" in result.stdout


def test_an_overload_can_be_allowed(tmp_path):
    crowded = GOOD.replace("every: 60s", "every: 1s, baud: 300")
    _, result = check(tmp_path, crowded.replace("baud: 9600", "allow_overload: true"))
    assert result.returncode == 0, result.stderr
    assert "MORE THAN THERE IS" in result.stdout


def test_a_profile_folder_of_the_farm_comes_first(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "zts-3001-7in1.yaml").write_text(
        "label: as we know it\nfields:\n  - { metric: soil_moisture, register: 2, scale: 0.1 }\n")
    _, result = check(tmp_path, "profiles: own\n" + GOOD)
    assert "registers 0x0002..0x0002 (1)" in result.stdout
    (tmp_path / "own" / "zts-3001-7in1.yaml").write_text("label: x\nfields:\n  - { metric: y }\n")
    _, result = check(tmp_path, "profiles: own\n" + GOOD)
    assert result.returncode == 78
    assert "own/zts-3001-7in1.yaml:3: a field has no register" in result.stderr


def test_wrong_calls_are_refused():
    assert baiyed().returncode == 64
    assert baiyed("--check").returncode == 64
    assert baiyed("--config", "x", "--check", "--once").returncode == 64
    assert baiyed("--config", "x", "--unknown").returncode == 64
    told = baiyed("--help")
    assert told.returncode == 0 and max(map(len, told.stdout.splitlines())) <= 80
    assert baiyed("--version").stdout.startswith("baiyed ")


def once(site, units, *arguments):
    site.start_field([{"name": "east", "baud": 9600, "units": units}])
    path = site.folder / "once.yaml"
    path.write_text(yaml.safe_dump({"site": "garden", "buses": [{
        "name": "east", "port": site.field.port("east"), "baud": 9600, "devices": [
            {"name": "air", "profile": "xy-md02", "address": 1, "every": "60s"},
            {"name": "soil", "profile": "zts-3001-7in1", "address": 7, "every": "60s"}]}]}))
    return baiyed("--config", path, "--once", *arguments)


def test_once_prints_what_every_device_says(site, needs):
    needs("baiye-field")
    result = once(site, [{"kind": "xy-md02", "address": 1, "name": "air"},
                         {"kind": "zts-3001", "address": 7, "name": "soil"}], "--json")
    assert result.returncode == 0, result.stderr
    answers = {line["device"]: line for line in map(json.loads, result.stdout.splitlines())}
    given = {(row["unit"], row["metric"]): row["value"] for row in site.field.ledger()}
    for device, unit in (("air", 1), ("soil", 7)):
        assert answers[device]["answered"]
        for metric, value in answers[device]["values"].items():
            assert value["value"] == pytest.approx(given[unit, metric], abs=1e-6)


def test_once_tells_who_does_not_answer(site, needs):
    needs("baiye-field")
    result = once(site, [{"kind": "xy-md02", "address": 1, "name": "air"}])
    assert result.returncode == 1
    assert "air_temperature" in result.stdout
    assert re.search(r"soil \(bus east, address 7\): timeout", result.stdout)


def test_check_notes_what_the_file_names_and_this_machine_has_not(tmp_path):
    text = GOOD.replace("budget: 30MB/month", "user: gw, password_file: gw.pass")
    path, result = check(tmp_path, text.replace("/dev/ttyUSB0", str(tmp_path / "ttyUSB9")))
    assert result.returncode == 0, result.stderr
    assert f"note: broker local: {path.parent}/gw.pass: No such file" in result.stdout
    assert f"note: bus east: {tmp_path}/ttyUSB9: No such file" in result.stdout
    chinese = baiyed("--config", path, "--check", language="zh_CN.UTF-8").stdout
    assert re.findall("^注意：.*(?:gw.pass|ttyUSB9)", chinese, re.M) and "注意:" not in chinese, chinese
    for name in ("gw.pass", "ttyUSB9"):
        (tmp_path / name).write_text("x\n")
    assert "note:" not in baiyed("--config", path, "--check").stdout
