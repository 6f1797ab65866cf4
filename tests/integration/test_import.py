# SPDX-License-Identifier: Apache-2.0
"""What other programs know of devices becomes profiles, and a configuration that the daemon takes; what
has no place is said with its line."""
import json
import random
import re
import subprocess

import pytest

import garden

CHINESE = re.compile("[\u4e00-\u9fff]")
EXAMPLES = garden.ROOT / "tests/fuzz/corpus/import"
TELEGRAF, MQM = EXAMPLES / "telegraf.conf", EXAMPLES / "mqmgateway.yaml"
ESP = EXAMPLES / "esphome.yaml"
WB, HOME = EXAMPLES / "wb-mqtt-serial.json", EXAMPLES / "home-assistant.yaml"


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiye", "baiyed")


def baiye(*words, language="C"):
    return subprocess.run([garden.program("baiye"), *map(str, words)], capture_output=True, text=True,
                          errors="replace", timeout=60, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": language, "COLUMNS": "200"})


def fields(folder, name):
    """The fields of a profile as it was written: the line's text by what it measures."""
    text = (folder / f"{name}.yaml").read_text()
    return {re.search(r"(?:metric|role|name): (\S+?)[, ]", line)[1]: line
            for line in text.splitlines() if line.startswith("  - {")}


def of(folder, source, name):
    done = baiye("profile", "import", source, "--out", folder)
    assert done.returncode == 1, done.stdout + done.stderr  # each example has something without a place
    return fields(folder, name), done.stdout


def test_telegraf_registers(tmp_path):
    made, said = of(tmp_path, TELEGRAF, "soil-probe")
    assert "function: 3, register: 0x0001, type: s16, scale: 0.1 } # 15" in made["soil_temperature"]
    assert "function: 3, register: 0x0000, scale: 0.1" in made["soil_moisture"]  # by the device's name
    assert "order: badc, scale: 0.01" in made["soil_ph"]  # BA, and FIXED of one address
    assert "register: 0x9C4A, type: u32, order: cdab" in made["hours"]
    assert "function: 1, register: 0x0000, type: bool" in made["valve_1"]
    assert f'{TELEGRAF}:19: odd: there is no type here like "FLOAT16-IEEE"' in said
    assert "40010 is sent as it is" in said  # no document's number
    assert "serial: { baud: 4800, parity: even }" in (tmp_path / "soil-probe.yaml").read_text()


def test_telegraf_requests(tmp_path):
    made, _ = of(tmp_path, TELEGRAF, "meters")
    assert "function: 4, register: 0x0000, type: f32" in made["voltage_l1"]
    assert "type: s32, scale: 1000" in made["power"]
    assert "type: bits, bit: 3, bits: 1" in made["state"]
    assert "type: text, length: 8" in made["serial"] and "gap" not in made
    assert not (tmp_path / "meters-at-2.yaml").exists()  # the same registers: one profile


def test_telegraf_metrics(tmp_path):
    file = tmp_path / "m.conf"
    file.write_text('[[inputs.modbus]]\nname = "air"\ncontroller = "tcp://[::1]:1502"\n'
                    'configuration_type = "metric"\ntransmission_mode = "RTUoverTCP"\n'
                    '[[inputs.modbus.metric]]\nslave_id = 0x11\nbyte_order = "DCBA"\nfields = [\n'
                    ' {register="input", address=1, name="wind_speed", type="UINT8H"},\n'
                    ' {register="discrete", address=2, name="door"},\n'
                    " {register='holding', address=3, name='''illuminance''', type=\"FLOAT64\"} ]\n")
    done = baiye("import", "telegraf", file, "--out", tmp_path / "o")
    made = fields(tmp_path / "o/profiles", "air")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "function: 4, register: 0x0001, type: u8, byte: high" in made["wind_speed"]
    assert "function: 2" in made["door"] and "type: f64, order: dcba" in made["illuminance"]
    config = (tmp_path / "o/baiye.yaml").read_text()
    assert "type: rtu-over-tcp" in config and "[::1]:1502" in config and "address: 17" in config


def test_mqmgateway_counts_decimal_registers_from_1_and_hexadecimal_from_0(tmp_path):
    made, said = of(tmp_path, MQM, "meter")
    assert "function: 4, register: 0x0000, scale: 0.1" in made["voltage"]
    assert "register: 0x0010, type: u32, order: cdab" in made["energy_total"]
    assert "register: 0x0014, type: f32, order: badc" in made["power"]
    assert "register: 0x001D, type: bits, bit: 15, bits: 1" in made["alarm"]
    assert "type: s16, scale: 0.1" in made["air_temperature"]
    for line in (42, 52, 60):
        assert f"{MQM}:{line}: " in said
    relay = fields(tmp_path, "shed-1")
    assert "function: 5, register: 0x0000, min: 0, max: 1" in relay["relay-set"]


def test_home_assistant(tmp_path):
    made, said = of(tmp_path, HOME, "hub1-4")
    assert "function: 4, register: 0x0001, type: s16, scale: 0.1" in made["air_temperature"]
    assert "type: f32, order: cdab, unit: \"°F\"" in made["heap"] and "function: 2" in made["door"]
    assert "function: 5, register: 0x0007, min: 0, max: 1" in made["pump"]
    assert "function: 6, register: 0x0008, min: 0, max: 85" in made["mode"]
    meter = fields(tmp_path, "hub1-5")
    assert "order: dcba, scale: 0.001, no_value: 0xFFFFFFFF" in meter["energy_total"]  # of Wh
    assert "type: s16, scale: 0.1" in meter["air_pressure"]  # of hPa
    assert f"{HOME}:46: " in said and f'{HOME}:68: hub1: there is no place here for "climates"' in said


def test_esphome(tmp_path):
    made, said = of(tmp_path, ESP, "charger")
    assert "function: 4, register: 0x3100, scale: 0.01" in made["panel_voltage"]
    assert "register: 0x3102, type: u32, order: cdab, scale: 10" in made["panel_power"]  # 4 bytes on, kW
    assert "bit: 2, bits: 2" in made["phase"] and "function: 2" in made["night"]
    writes = (tmp_path / "charger.yaml").read_text().split("writes:")[1]
    assert "function: 6, register: 0x9007, min: 1000, max: 1600, scale: 0.01, unit: \"V\"" in writes
    assert "function: 5, register: 0x0002" in writes
    assert "baud: 4800, parity: even, stop_bits: 2" in (tmp_path / "charger.yaml").read_text()
    for line in (39, 47, 76):
        assert f"{ESP}:{line}: " in said


def test_wb_mqtt_serial(tmp_path):
    made, said = of(tmp_path, WB, "soil-3in1")
    assert "register: 0x0001, type: s16, scale: 0.1, no_value: 0x7FFF" in made["soil_temperature"]
    assert "register: 0x0000, scale: 0.1" in made["soil_moisture"]
    assert "function: 4, register: 0x0005, type: u32, order: cdab" in made["supply"]
    assert "scale: 0.001" in made["voltage"] and "bit: 4, bits: 2" in made["alarm_bits"]
    text = (tmp_path / "soil-3in1.yaml").read_text()
    assert "limits: { max_registers: 20, read_gap: 4 }" in text
    assert "name: relay, function: 5, register: 0x0003, min: 0, max: 1" in text
    assert "name: level, function: 6, register: 0x001E, min: 0, max: 100" in text
    for line in (12, 21, 22, 24):
        assert f"{WB}:{line}: " in said
    assert re.search(r"soil-3in1.yaml:\d+: \"level\" is no known metric", said)  # what is to be named


@pytest.mark.parametrize("name, source, devices", [("telegraf", TELEGRAF, 3), ("mqmgateway", MQM, 4),
                                                   ("home-assistant", HOME, 2)])
def test_buses_and_devices_are_taken_by_the_daemon(tmp_path, name, source, devices):
    done = baiye("import", name, source, "--out", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    text = (tmp_path / "baiye.yaml").read_text()
    assert all(re.search(r"# \d+$", line) for line in text.splitlines() if "name: " in line), text
    checked = subprocess.run([garden.program("baiyed"), "--config", tmp_path / "baiye.yaml", "--check"],
                             capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert re.search(rf"site imported: \d+ bus\w*, {devices} devices", checked.stdout), checked.stdout


def test_json_says_the_same(tmp_path):
    said = json.loads(baiye("profile", "import", HOME, "--out", tmp_path, "--json").stdout)
    assert said["format"] == "Home Assistant" and [one["line"] for one in said["left_out"]] == [46, 68]
    assert [one["errors"] for one in said["profiles"]] == [[], []]


def test_nothing_is_overwritten_unless_asked(tmp_path):
    (tmp_path / "charger.yaml").write_text("mine")
    assert baiye("profile", "import", ESP, "--out", tmp_path).returncode == 73
    assert (tmp_path / "charger.yaml").read_text() == "mine"
    assert baiye("profile", "import", ESP, "--out", tmp_path, "--force").returncode == 1


def test_what_is_left_out_is_said_in_chinese(tmp_path):
    done = baiye("profile", "import", HOME, "--out", tmp_path, language="zh_CN.UTF-8")
    assert "没有带过来的：" in done.stdout and CHINESE.search(done.stdout.split("assistant.yaml:46: ")[1])


WRONG = {"nothing": b"", "noise": bytes(range(256)), "other YAML": b"a: 1\n", "a list": b"- 1\n- 2\n",
         "no end": b'[[inputs.modbus]]\nname = "x\n', "no value": b"[[inputs.modbus]]\na =\n",
         "deep": b"[[inputs.modbus]]\na = " + b"[" * 5000, "deep keys": b"[[inputs.modbus]]\n" + b"a." * 99 + b"a=1",
         "deep JSON": b'{"device": ' + b"[" * 5000, "a value as a table": b"a = 1\n[a.b]\n[[inputs.modbus]]\n",
         "a Jinja template": b'{"device_type": "x", {% if 1 %} "device": {} }',
         "no registers": b'{"device_type": "x", "device": {"channels": []}}',
         "circles": b"modbus: &a\n  - sensors: *a\n", "many tables": b"".join(b"[t%d]\n" % i for i in range(20000)),
         "negative registers": b"modbus:\n - sensors:\n  - {name: a, address: -1}\n  - {name: b, address: 65536}\n"}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_such_file_is_refused_with_its_line(tmp_path, what):
    (tmp_path / "x").write_bytes(WRONG[what])
    done = baiye("profile", "import", tmp_path / "x", "--out", tmp_path / "out")
    assert done.returncode == 65 and f"{tmp_path / 'x'}:" in done.stderr, done.stdout + done.stderr
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("source", [TELEGRAF, MQM, ESP, WB, HOME], ids=lambda path: path.name)
def test_a_damaged_file_ends_in_an_exit_code(tmp_path, source):
    dice = random.Random(source.name)
    for turn in range(40):
        text = bytearray(source.read_bytes())
        for _ in range(dice.randrange(1, 8)):
            at = dice.randrange(len(text))
            text[at:at + dice.randrange(9)] = bytes(dice.randrange(256) for _ in range(dice.randrange(4)))
        (tmp_path / "x").write_bytes(text)
        done = baiye("profile", "import", tmp_path / "x", "--out", tmp_path / "out", "--force")
        assert done.returncode in (0, 1, 65, 73), (turn, done.returncode, done.stderr)


def test_more_than_a_profile_has_is_left_out(tmp_path):
    rows = "".join(f"   - {{name: v{i}, address: {i}, slave: 1}}\n" for i in range(1500))
    (tmp_path / "x.yaml").write_text("modbus:\n - sensors:\n" + rows)
    done = baiye("profile", "import", tmp_path / "x.yaml", "--out", tmp_path)
    assert done.returncode == 1 and "a profile has at most 24 values" in done.stdout
    assert "what follows: a file may have no more" in done.stdout
    assert len(fields(tmp_path, "modbus-hub-1")) == 24
