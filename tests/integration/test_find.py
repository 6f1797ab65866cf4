# SPDX-License-Identifier: Apache-2.0
"""`baiye find`: who is at a port, at which rate, and which profile fits, without a claim that is
wrong."""
import concurrent.futures
import json
import pathlib
import struct
import subprocess
import sys
import time

import pytest
import yaml

import garden

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "field"))

from probe import Registers, Serial  # noqa: E402

PROFILES = garden.ROOT / "gateway/profiles"
FACTORY = 247
QUESTIONS_MOST = 150  # to a line with nobody on it: each waits for an answer


def find(port, *words, code=None):
    done = subprocess.run([garden.program("baiye"), "find", "--port", str(port), "--json",
                           *map(str, words)], capture_output=True, text=True, timeout=300)
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], done


@pytest.fixture
def field(site, needs):
    needs("baiye", "baiye-field", "baiye-node")

    def start(units, **line):
        site.start_field([{"name": "east", "baud": 9600, "units": units, **line}])
        return site.field.port("east")
    return start


@pytest.mark.parametrize("kind, baud, profile", [
    ("xy-md02", 9600, "xy-md02"), ("zts-3001", 4800, "zts-3001-7in1"),
    ("rs-ws-n01-tr", 2400, "rs-ws-n01-tr"), ("zts-3001", 9600, "zts-3001-7in1")])
def test_a_bought_probe_is_found_at_its_rate_and_recognised(field, kind, baud, profile):
    port = field([{"kind": kind, "address": 1, "name": "it", "baud": baud}], baud=baud)
    found, _ = find(port)
    assert [(one["baud"], one["unit"]) for one in found] == [(baud, 1)]
    named = [found[0]["profile"], *found[0]["or"]]
    assert profile in named, found
    assert found[0]["sure"] != "sure" or found[0]["profile"] == profile


def test_our_nodes_are_found_by_serial_number(field):
    port = field([{"kind": "native", "address": FACTORY, "name": f"n{i}", "period_s": 2}
                  for i in range(3)])
    found, _ = find(port, code=0)
    assert len({one["serial"] for one in found}) == 3
    assert all(int(one["serial_text"][:9].replace("-", ""), 16) == one["serial"] for one in found)
    assert all(one["profile"] == "baiye-node" and one["unit"] == FACTORY for one in found)


def test_two_at_one_address_are_named_and_not_recognised(field):
    port = field([{"kind": "xy-md02", "address": 1, "name": "a", "delay_us": 3000},
                  {"kind": "zts-3001", "address": 1, "name": "b", "delay_us": 3200}])
    found, _ = find(port, code=1)
    assert found and found[0]["garbled"] and found[0]["profile"] is None


def test_nobody_is_said_so_after_few_questions(needs):
    needs("baiye")
    asked = []
    line = Serial(lambda unit, pdu: asked.append((unit, pdu)))
    try:
        found, done = find(line.port, code=69)
    finally:
        line.close()
    assert found == [] and "nobody answers" in done.stderr
    assert 0 < len(asked) <= QUESTIONS_MOST


def test_a_slow_device_is_found_though_others_are_asked_meanwhile(needs):
    needs("baiye")
    slow = Registers({0: 215})

    def device(unit, pdu):
        if unit != 5:
            return b""
        if pdu == bytes([3, 0, 0, 0, 1]) and len(slow.asked) < 3:
            time.sleep(0.3)
        return slow(unit, pdu)
    line = Serial(device)
    try:
        found, _ = find(line.port)
    finally:
        line.close()
    assert [(one["baud"], one["unit"], one["garbled"]) for one in found] == [(9600, 5, False)]


# --- each shipped profile, by a device that has its registers and no others ---

SHIPPED = sorted(path.stem for path in PROFILES.glob("*.yaml") if path.stem != "baiye-node")
# Makers and kinds that look alike are among them.
SOME = ["abb-b23", "controlbox-th332", "cwt-si-irradiance", "cwt-sl-light", "cwt-soil-thc",
        "dfrobot-sen0600", "dfrobot-sen0601", "eastron-sdm120", "eastron-sdm630", "epever-tracer",
        "orno-we-504", "pzem-016", "rs-fsjt-n01", "rs-ws-n01", "rs-ws-n01-tr", "seeed-orch-s4",
        "seeed-soil-02", "senseair-s8", "siemens-pac2200", "sn-3002-npk", "thies-clima-us",
        "xy-md02", "zts-3001-7in1"]
MIDDLE = {"air_temperature": 18.2, "air_humidity": 71.3, "soil_moisture": 31.4,
          "soil_temperature": 15.7, "soil_conductivity": 412, "soil_ph": 5.4, "illuminance": 8200,
          "wind_speed": 2.3, "wind_direction": 135, "leaf_wetness": 35, "solar_irradiance": 320,
          "air_pressure": 98.2}


def registers_of(profile):
    """What such a device would hold on a fair day."""
    values, functions = {}, set()
    for field in profile["fields"]:
        function = field.get("function", 3)
        functions.add(function)
        first, kind = int(field["register"]), field.get("type", "u16")
        value = MIDDLE.get(field.get("metric"), 21) - float(field.get("offset", 0))
        value /= float(field.get("scale", 1))
        values.update({int(field[key]): 0 for key in ("scale_from", "decimals_from") if key in field})
        if field.get("values"):
            value = 1
        if "64" in kind:
            data = struct.pack(">d", value) if kind == "f64" else struct.pack(">q", round(value))
            order = field.get("order", "abcd")
            assert order in ("abcd", "cdab"), "no other order of 64 bits is shipped"
            words = struct.unpack(">4H", data)
            values.update(enumerate(words if order == "abcd" else words[::-1], first))
        elif "32" in kind or kind == "f32":
            data = struct.pack(">f", value) if kind == "f32" else struct.pack(">i", round(value))
            order = field.get("order", "abcd")
            data = bytes(data["abcd".index(letter)] for letter in order)
            values[first], values[first + 1] = struct.unpack(">HH", data)
        else:
            values[first] = round(value) & 0xFFFF
    if profile.get("limits", {}).get("read_gap"):
        values = {i: values.get(i, 0) for i in range(min(values), max(values) + 1)}
    address = profile.get("address", {})  # a pseudo-terminal has every rate: 9600 is tried first
    unit = address.get("default", 1)
    if "register" in address:
        values[int(address["register"])] = unit
    if "register" in profile.get("rate", {}) and profile["rate"].get("codes"):
        values[int(profile["rate"]["register"])] = profile["rate"]["codes"].index(9600)
    return values, unit, functions


def find_as(name):
    """What is found where a device has the registers of that profile; None: it can't be judged."""
    profile = yaml.safe_load((PROFILES / f"{name}.yaml").read_text())
    if any(field.get("function", 3) < 3 for field in profile["fields"]):
        return None  # coils: they have no values to judge by
    values, unit, functions = registers_of(profile)

    def device(who, pdu):
        if who != unit or pdu[0] not in functions | {3}:
            return b"" if who != unit else bytes([pdu[0] | 0x80, 1])
        return Registers(values).usual(pdu)
    line = Serial(device, delay=0)
    try:
        return find(line.port)[0]
    finally:
        line.close()


def test_each_shipped_profile_is_recognised_and_none_is_claimed_falsely(needs):
    needs("baiye")
    names = SHIPPED if garden.FULL else SOME
    with concurrent.futures.ThreadPoolExecutor(6) as lines:  # they mostly wait
        results = [(name, found) for name, found in zip(names, lines.map(find_as, names))
                   if found is not None]
    missed = [(name, found) for name, found in results
              if not found or name not in [found[0]["profile"], *found[0]["or"]]]
    claims = {how: [(name, found[0]["profile"]) for name, found in results if found and found[0]["sure"] == how]
              for how in ("sure", "likely", "perhaps")}
    # What `baiye commission --yes` takes without asking; "perhaps" is no claim.
    false = [(name, claimed) for name, claimed in claims["sure"] + claims["likely"] if claimed != name]
    print(f"figure: of {len(results)} devices " + ", ".join(f"{len(one)} {how}" for how, one in claims.items()) +
          f"; {len(false)} falsely, {len(missed)} not")
    assert len(false) <= 1, false
    assert not missed, missed
    assert claims["sure"]
