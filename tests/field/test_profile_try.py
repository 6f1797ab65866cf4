# SPDX-License-Identifier: Apache-2.0
"""`baiye profile try`: a device on the bench by a profile that may be wrong."""
import json
import struct
import subprocess

import garden
import pytest

from probe import Raw, Registers, Serial, Tcp

CLIMATE = """label: climate
fields:
  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }
  - { metric: air_humidity, register: 1, scale: 0.1 }
  - { metric: illuminance, register: 4, type: u32 }
"""
AS_IT_IS = {0: 253, 1: 658, 4: 1, 5: 0x86A0}


@pytest.fixture
def bench(tmp_path, needs):
    needs("baiye")
    opened = []

    class Bench:
        def serial(self, registers, special=None):
            opened.append(Serial(Registers(registers, special)))
            return opened[-1]

        def tcp(self, registers):
            opened.append(Tcp(Registers(registers)))
            return opened[-1]

        def run(self, text, *words, code=0):
            path = tmp_path / "probe.yaml"
            path.write_text(text)
            done = subprocess.run([garden.program("baiye"), "profile", "try", str(path),
                                   *map(str, words)], capture_output=True, text=True, timeout=60)
            assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
            return done

        def fields(self, text, *words, code=0):
            said = json.loads(self.run(text, *words, "--json", code=code).stdout)
            return {field["name"]: field for field in said["fields"]}

    yield Bench()
    for device in opened:
        device.close()


def test_raw_and_decoded_stand_side_by_side(bench):
    line = bench.serial(AS_IT_IS)
    said = bench.run(CLIMATE, "--port", line.port, "--address", 1).stdout
    assert "function 3, registers 0 to 1: answered" in said
    rows = [row.split() for row in said.splitlines()]
    assert ["air_temperature", "0x00FD", "25.3", "°C"] in rows
    assert ["air_humidity", "0x0292", "65.8", "%RH"] in rows
    assert ["illuminance", "0x0001", "0x86A0", "100000", "lx"] in rows
    assert all(len(row) <= 80 for row in said.splitlines())


def test_what_is_not_said_is_as_the_profile_says(bench):
    line = bench.serial(AS_IT_IS)
    bench.run(CLIMATE + "address: { default: 7 }\nserial: { baud: 4800 }\n", "--port", line.port)
    assert {unit for _, unit, _ in line.device.asked} == {7}


@pytest.mark.parametrize("profile, registers, name, guess", [
    (CLIMATE.replace("type: s16, ", ""), {**AS_IT_IS, 0: -101}, "air_temperature",
     "type: s16 (-10.1)"),
    (CLIMATE.replace("type: s16, scale: 0.1", "type: s16"), AS_IT_IS, "air_temperature",
     "scale: 0.1 (25.3)"),
    (CLIMATE, {**AS_IT_IS, 4: 0x86A0, 5: 1}, "illuminance", "order: cdab (100000)"),
    (CLIMATE, {**AS_IT_IS, 1: 0x7FFF}, "air_humidity", "no_value: 0x7FFF"),
])
def test_a_slip_is_guessed(bench, profile, registers, name, guess):
    line = bench.serial(registers)
    fields = bench.fields(profile, "--port", line.port, code=1)
    assert guess in fields[name]["guess"]
    assert all(not field["guess"] for other, field in fields.items() if other != name)
    assert fields[name]["flag"] == "range"


def test_flags_of_the_device_and_codes_for_nothing(bench):
    flagged = CLIMATE.replace("register: 1, scale: 0.1", "register: 1, channel: 1, no_value: 0xFFFF")
    flagged += "  - { role: flags, register: 6, channel: 0 }\n"
    line = bench.serial({**AS_IT_IS, 1: 0xFFFF, 6: 6 << 4})
    fields = bench.fields(flagged, "--port", line.port, code=1)
    assert fields["air_humidity"]["value"] is None and fields["air_humidity"]["flag"] == "fault"
    assert fields["air_humidity"]["raw"] == [0xFFFF] and not fields["air_humidity"]["guess"]
    assert fields["flags"]["value"] == 0x60


def test_registers_that_it_lacks_are_named_and_the_others_read(bench):
    line = bench.serial({0: 253, 1: 658})
    fields = bench.fields(CLIMATE, "--port", line.port, code=1)
    assert fields["air_temperature"]["value"] == pytest.approx(25.3)
    assert fields["illuminance"]["flag"] == "not read" and fields["illuminance"]["raw"] == []
    assert "illegal data address" in bench.run(CLIMATE, "--port", line.port, code=1).stdout


def test_a_read_that_is_lost_makes_no_value(bench):
    """Two reads; the second is never answered: its registers are no zeros."""
    line = bench.serial(AS_IT_IS, lambda _, pdu: b"" if pdu[1:3] == b"\x00\x04" else None)
    quick = CLIMATE + "limits: { response_max: 1s }\n"
    fields = bench.fields(quick, "--port", line.port, code=1)
    assert fields["air_temperature"]["flag"] == "good"
    assert fields["illuminance"] | {"raw": [], "value": None, "flag": "not read"} == \
        fields["illuminance"]


def test_one_lost_answer_is_asked_for_again(bench):
    lost = []

    def once(_, pdu):
        lost.append(pdu)
        return b"" if len(lost) == 1 else None

    line = bench.serial(AS_IT_IS, once)
    bench.run(CLIMATE + "limits: { response_max: 1s }\n", "--port", line.port)


def test_a_counter_shows_where_it_stands(bench):
    line = bench.serial({0: 123})
    fields = bench.fields("label: rain\nfields:\n  - { role: counter, metric: rainfall, register: "
                          "0, scale: 0.2 }\n", "--port", line.port)
    assert fields["rainfall"]["value"] == pytest.approx(24.6)
    assert fields["rainfall"]["flag"] == "so far"


def test_a_map_that_is_another_version_is_not_believed(bench):
    line = bench.serial({**AS_IT_IS, 8: 2})
    done = bench.run(CLIMATE + "  - { role: map_version, register: 8, expect: 1 }\n", "--port",
                     line.port, code=1)
    assert "nothing of it is believed" in done.stdout and "25.3" not in done.stdout


def test_over_tcp(bench):
    server = bench.tcp(AS_IT_IS)
    fields = bench.fields(CLIMATE, "--type", "tcp", "--port", f"127.0.0.1:{server.port}")
    assert fields["illuminance"]["value"] == 100000


def test_silence_garbage_and_a_port_that_is_not_there(bench):
    quick = CLIMATE + "limits: { response_max: 1s }\n"
    line = bench.serial({}, lambda _, __: b"")
    silent = bench.run(quick, "--port", line.port, "--address", 9, code=69)
    assert "address 9, 9600 baud, parity N" in silent.stderr and "rate" in silent.stderr
    assert not silent.stdout
    line = bench.serial({}, lambda unit, _: Raw(struct.pack(">B7s", unit, b"garbage")))
    assert bench.run(quick, "--port", line.port, code=69).stderr
    gone = bench.run(quick, "--port", "/dev/no-such-port", code=69)
    assert "/dev/no-such-port: the adapter is not plugged in" in gone.stderr


def test_a_port_in_use_is_left_alone_and_the_way_to_it_named(bench):
    line = bench.serial(AS_IT_IS)
    holder = subprocess.Popen(["flock", "-x", line.port, "-c", "echo held; cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    held = bench.run(CLIMATE, "--port", line.port, code=69)
    holder.communicate(timeout=120)
    assert "another program holds the port" in held.stderr and "baiye line run" in held.stderr
    assert not line.device.asked


@pytest.mark.parametrize("words, said", [
    (("--address", 0), "--address 0"), (("--address", 256), "--address 256"),
    (("--baud", 1234), "1234 baud"), (("--baud", "fast"), "--baud fast"),
    (("--parity", "N"), "none, even or odd"), (("--type", "udp"), "rtu, tcp"),
    (("--stop-bits", 3), "--stop-bits 3"), (("more",), "Usage"), ((), "Usage")])
def test_wrong_words(bench, words, said):
    port = ("--port", "/dev/null") if words else ()
    assert said in bench.run(CLIMATE, *port, *words, code=64).stderr


def test_a_wrong_profile_is_said_whole_and_an_odd_one_tried(bench):
    line = bench.serial(AS_IT_IS)
    wrong = bench.run(CLIMATE.replace("type: s16", "type: i16").replace("scale: 0.1 }", "scale: x }"),
                      "--port", line.port, code=65)
    assert "probe.yaml:3: type:" in wrong.stderr and "probe.yaml:4: scale:" in wrong.stderr
    assert not line.device.asked
    odd = bench.run(CLIMATE.replace("illuminance", "iluminance"), "--port", line.port)
    assert "write illuminance" in odd.stderr and "iluminance" in odd.stdout
