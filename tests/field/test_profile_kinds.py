# SPDX-License-Identifier: Apache-2.0
"""What makers put into registers, each by the line of a profile that says so."""
import json
import struct

import pytest

import garden
from garden import wait_until

from probe import Raw, Registers, device


def words(data):
    return struct.unpack(f">{len(data) // 2}H", data)


def registers(*pieces):
    """{address: word} of (address, bytes) pieces."""
    return {at + i: word for at, data in pieces for i, word in enumerate(words(data))}


KINDS = {
    "64-bit integers": ("type: u64, scale: 0.001", struct.pack(">Q", 9_000_000_000_123),
                        9_000_000_000.123),
    "the least significant register first": ("type: s64, order: cdab",
                                             struct.pack(">4H", 0xFFFE, 0xFFFF, 0xFFFF, 0xFFFF),
                                             -2),
    "doubles": ("type: f64", struct.pack(">d", 25.5), 25.5),
    "sign and magnitude": ("type: sm16, scale: 0.1", struct.pack(">H", 0x8065), -10.1),
    "a signed byte": ("type: s8, byte: high", struct.pack(">bB", -12, 200), -12),
    "the other byte": ("type: u8, byte: low", struct.pack(">bB", -12, 200), 200),
    "BCD": ("type: bcd32, scale: 0.01", bytes.fromhex("00123456"), 1234.56),
}


@pytest.mark.parametrize("kind", KINDS)
def test_code(farm, kind):
    keys, data, value = KINDS[kind]
    line = farm.line(Registers(registers((7, data))))
    farm.profile(f"fields:\n  - {{ metric: shown, register: 7, min: -1000000000000000, max: 1000000000000000, {keys} }}\n")
    farm.start(line.bus(device()))
    farm.wait(2)
    assert farm.values("shown")[-1] == value


def test_a_decimal_scale_from_another_register(farm):
    probe = Registers({10: 2305, 20: 0xFFFF, 30: 1234, 31: 2})
    line = farm.line(probe)
    farm.profile("limits: { read_gap: 20 }\nfields:\n"
                 "  - { metric: voltage, register: 10, scale_from: 20 }\n"
                 "  - { metric: water_level, register: 30, decimals_from: 31 }\n")
    farm.start(line.bus(device()))
    farm.wait(2)
    assert (farm.values("voltage")[-1], farm.values("water_level")[-1]) == (230.5, 12.34)
    probe.values.update({10: 231, 20: 0})
    wait_until(lambda: farm.values("voltage")[-1] == 231, 10, "it follows its scale")


def test_a_counter_of_64_bits_in_steps_of_its_scale(farm):
    most = 0xFFFF_FFFF_FFFF_FFF0

    def meter(code):
        return registers((0, struct.pack(">Q", code)))

    probe = Registers({**meter(most), 4: 0xFFFF})
    line = farm.line(probe)
    farm.profile("fields:\n  - { metric: energy, role: counter, register: 0, type: u64, "
                 "scale_from: 4 }\n")
    farm.start(line.bus(device()))
    farm.wait(2)
    probe.values.update(meter(most + 7))
    wait_until(lambda: 0.7 in farm.values("energy"), 10, "seven tenths are booked")
    assert {v for v in farm.values("energy") if v not in ("absent", 0)} == {0.7}


def test_texts_stand_in_its_health(farm):
    probe = Registers({0: 181, **registers((100, b"TH-200  ".ljust(16, b"\0")),
                                           (108, struct.pack(">I", 4_000_000_001)), (110, b"\1\x0c"))})
    line = farm.line(probe)
    farm.profile("fields:\n  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }\n"
                 "  - { role: model, register: 100, type: text, length: 8 }\n"
                 "  - { role: serial, register: 108, type: u32 }\n"
                 "  - { role: firmware, register: 110, scale: 0.01 }\n")
    farm.start(line.bus(device()))
    farm.wait(4)

    def health():
        topic = next((t for t in farm.site.watcher.retained if t.endswith("dev/probe/health")), None)
        return json.loads(farm.site.watcher.retained[topic]) if topic else {}

    wait_until(lambda: health().get("model"), 30, "its health says its model")
    said = health()
    assert (said["model"], said["serial"], said["firmware"]) == ("TH-200", "4000000001", "2.68")
    assert all(set(reading["values"]) == {"air_temperature"} for reading in farm.readings())
    asked = [pdu for _, pdu in probe.reads() if struct.unpack(">H", pdu[1:3])[0] >= 100]
    assert len(asked) == 1  # not with each poll


def test_32_bits_behind_one_register_number(farm):
    def probe(_, pdu):
        first, count = struct.unpack(">HH", pdu[1:])
        values = [25.5, 60.25]
        data = struct.pack(f">{count}f", *values[first - 7000:first - 7000 + count])
        return bytes([pdu[0], len(data)]) + data

    line = farm.line(probe)
    farm.profile("fields:\n"
                 "  - { metric: air_temperature, register: 7000, type: f32, width: 32 }\n"
                 "  - { metric: air_humidity, register: 7001, type: f32, width: 32 }\n")
    farm.start(line.bus(device()))
    farm.wait(3)
    assert (farm.values("air_temperature")[-1], farm.values("air_humidity")[-1]) == (25.5, 60.25)


def test_a_block_is_asked_for_exactly_so(farm):
    def special(_, pdu):
        first, count = struct.unpack(">HH", pdu[1:5])
        return None if (first, count) in ((0x100, 20), (0x40, 1)) else bytes([pdu[0] | 0x80, 2])

    probe = Registers({0x40: 5, **{0x100 + i: 200 + i for i in range(20)}}, special)
    line = farm.line(probe)
    farm.profile("blocks: [{ register: 0x100, count: 20 }]\nfields:\n"
                 "  - { metric: air_temperature, register: 0x103, type: s16, scale: 0.1 }\n"
                 "  - { metric: air_humidity, register: 0x110, scale: 0.1 }\n"
                 "  - { metric: gear, register: 0x40 }\n")
    farm.start(line.bus(device()))
    farm.wait(3)
    assert [farm.values(m)[-1] for m in ("air_temperature", "air_humidity", "gear")] == [20.3, 21.6,
                                                                                       5]
    assert "refuses" not in farm.log()


def test_a_field_may_be_read_less_often(farm):
    probe = Registers({0: 181, 1: 640, 40: 700})
    line = farm.line(probe)
    farm.profile("fields:\n  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }\n"
                 "  - { metric: air_humidity, register: 1, scale: 0.1 }\n"
                 "  - { metric: soil_moisture, register: 40, scale: 0.1, every: 2s }\n")
    farm.start(line.bus(device()))
    farm.wait(25, 30)
    readings = farm.readings()
    slow = [r for r in readings if "soil_moisture" in r["values"]]
    seconds = (readings[-1]["ts"] - readings[0]["ts"]) / 1000  # polls come late on a busy machine
    assert 2 <= len(slow) <= seconds / 2 + 2
    assert len(slow) < len(readings) / 2
    assert all("air_temperature" in r["values"] for r in readings)
    assert not [r for r in readings if r["flags"]]  # what was not asked for is no fault
    times = [r["ts"] for r in slow]
    assert all(b - a > 1000 for a, b in zip(times, times[1:]))

    live = farm.site.watcher.live["probe"]["values"]
    assert (live["air_humidity"], live["soil_moisture"]) == (64, 70)  # the newest that there is


def test_a_meter_that_answers_otherwise_is_no_value(farm):
    """Four bytes where two were asked: a device of 32-bit registers, and a profile that says
    nothing of it."""
    line = farm.line(lambda unit, pdu: Raw(b"") if pdu[0] != 3 else bytes.fromhex("030400010002"))
    farm.profile("fields:\n  - { metric: air_humidity, register: 0, scale: 0.1 }\n"
                 "limits: { response_max: 50ms }\n")
    farm.start(line.bus(device()))
    farm.wait_log("answers, but not what was asked", 30)
    assert not [v for v in farm.values("air_humidity") if isinstance(v, float)]


def test_each_shipped_profile_names_its_source():
    """In its own words, above the label; but for our own node."""
    for path in sorted((garden.ROOT / "gateway/profiles").glob("*.yaml")):
        head = path.read_text().split("\nlabel:")[0]
        assert path.stem == "baiye-node" or "ource" in head, path.name


def test_a_number_that_means_nothing_is_written_as_it_is_shown(farm):
    """-9999 of a float is that number, not the code 0xFFFFD8F1; a code is written in hexadecimal."""
    probe = Registers(registers((0, struct.pack(">f", -9999)), (2, bytes.fromhex("7fc00000")),
                                (4, struct.pack(">d", -99.9)), (8, struct.pack(">h", -1)),
                                (9, struct.pack(">f", -1e10))))
    line = farm.line(probe)
    farm.profile("fields:\n"
                 "  - { metric: one, register: 0, type: f32, no_value: [-9999, -8888.5] }\n"
                 "  - { metric: two, register: 2, type: f32, no_value: 0x7FC00000 }\n"
                 "  - { metric: three, register: 4, type: f64, no_value: -99.9 }\n"
                 "  - { metric: four, register: 8, type: s16, no_value: [-1, 32767] }\n"
                 "  - { metric: five, register: 9, type: f32, no_value: -1e10 }\n")
    farm.start(line.bus(device()))
    farm.wait(2)
    reading = farm.readings()[-1]
    assert reading["values"] == {}
    assert reading["flags"] == dict.fromkeys(("one", "two", "three", "four", "five"), "absent")
    farm.profile("fields:\n  - { metric: one, register: 0, no_value: 1.5 }\n", "wrong")
    assert "write a whole number" in farm.check(line.bus(device(profile="wrong")), code=78)
