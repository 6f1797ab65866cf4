# SPDX-License-Identifier: Apache-2.0
"""The simulated line as an independent Modbus master sees it."""
import os
import select
import struct
import termios
import time

import pytest

from garden import SLOWEST, Field, Process, wait_until

LINE = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"},
    {"kind": "zts-3001", "address": 7, "name": "soil", "baud": 4800},
    {"kind": "responder", "address": 9, "registers": 20}]},
        {"name": "slow", "baud": 1200, "units": [{"kind": "responder", "address": 9}]}]
CHARACTER_S = 10 / 9600


def crc(frame):
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


class Master:
    """A serial port used with care: raw, one request at a time, t3.5 between."""

    def __init__(self, path, baud=termios.B9600):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self.set_baud(baud)

    def set_baud(self, baud, parity=False):
        flags = termios.INPCK if parity else 0
        termios.tcsetattr(self.fd, termios.TCSANOW,
                          [flags, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0, baud, baud,
                           [b"\0"] * 32])

    def ask(self, unit, pdu, seconds=0.5 * SLOWEST, size=0):
        """The bytes that came until the line was silent, but at least `size`, and how long the first took.
        Where none are to come, fewer seconds are enough."""
        termios.tcflush(self.fd, termios.TCIFLUSH)
        start = time.monotonic()
        os.write(self.fd, (frame := bytes([unit]) + pdu) + crc(frame))
        answer, wait, first = b"", seconds, None
        while select.select([self.fd], [], [], wait)[0]:
            answer += os.read(self.fd, 512)
            first = first or time.monotonic() - start
            wait = 0.02 if len(answer) >= size else seconds
        time.sleep(0.004)  # t3.5 at 9600
        return answer, first

    def read(self, unit, function, address, count):
        answer, _ = self.ask(unit, struct.pack(">BHH", function, address, count), size=5 + 2 * count)
        if len(answer) != 5 + 2 * count or answer[-2:] != crc(answer[:-2]):
            return answer
        return struct.unpack(f">{count}H", answer[3:-2])

    def close(self):
        os.close(self.fd)


@pytest.fixture
def line(site, needs):
    needs("baiye-field")
    site.start_field(LINE)
    master = Master(site.field.port("east"))
    yield site.field, master
    master.close()


def test_an_answer_takes_at_least_the_time_of_the_wire(line):
    _, master = line
    # 8 bytes, t3.5, 5 + 2 * 20 bytes: not one bit sooner. The line makes up for an answer that it
    # gave late, so only all of them together can't be early.
    total = 0
    for n in range(1, 6):
        answer, seconds = master.ask(9, struct.pack(">BHH", 3, 0, 20), size=45)
        total += seconds
        assert len(answer) == 45
        assert total >= n * (8 + 3.5 + 45) * CHARACTER_S


def test_what_is_read_stands_in_the_ledger(line):
    field, master = line
    temperature, humidity = master.read(1, 4, 1, 2)
    given = {entry["metric"]: entry["value"] for entry in field.ledger()}
    assert given == {"air_temperature": pytest.approx(temperature / 10),
                     "air_humidity": pytest.approx(humidity / 10)}


def test_another_rate_or_parity_is_not_understood(line):
    field, master = line
    assert master.ask(7, struct.pack(">BHH", 3, 0, 2), 0.2)[0] == b""
    master.set_baud(termios.B4800, parity=True)
    assert master.ask(7, struct.pack(">BHH", 3, 0, 2), 0.2)[0] == b""
    master.set_baud(termios.B4800)
    assert len(master.ask(7, struct.pack(">BHH", 3, 0, 2))[0]) == 9
    assert field.counts("east")["mismatched"] == 2


def test_a_request_before_the_silence_is_over_is_counted(line):
    field, _ = line
    master = Master(field.port("slow"), termios.B1200)  # t3.5 is 29 ms
    request = (frame := struct.pack(">BBHH", 9, 3, 0, 1)) + crc(frame)

    def too_soon():
        """False: the second one came too late on this machine, and rightly none is counted."""
        before = field.counts("slow")["answers"]
        os.write(master.fd, request)
        assert select.select([master.fd], [], [], SLOWEST)[0]
        os.write(master.fd, request)  # at once after the answer
        wait_until(lambda: field.counts("slow")["answers"] == before + 2, 2, "both are answered")
        while select.select([master.fd], [], [], 0.05)[0]:
            os.read(master.fd, 512)  # until the line is silent
        return field.counts("slow")["t35_violations"]
    assert wait_until(too_soon, 60, "one comes before the silence is over") == 1
    master.close()


def talk_into(line, request):
    """What comes when a request is made, and once more while it is answered. None: the second one
    came too late on this machine, both were answered."""
    field, master = line
    heard = field.counts("east")["requests"]
    os.write(master.fd, request)
    wait_until(lambda: field.counts("east")["requests"] > heard, 10, "the request is heard")
    time.sleep(0.01)  # into the answer, which takes 47 ms
    os.write(master.fd, request)
    answer, wait = b"", 0.5 * SLOWEST
    while select.select([master.fd], [], [], wait)[0]:
        answer += os.read(master.fd, 512)
    return answer if field.counts("east")["collisions"] else None


def test_talking_into_an_answer_destroys_both(line):
    request = (frame := struct.pack(">BBHH", 9, 3, 0, 20)) + crc(frame)
    answer = wait_until(lambda: talk_into(line, request), 60, "one talks into an answer")
    assert len(answer) == 45 and answer[-2:] != crc(answer[:-2])
    counts = line[0].counts("east")
    assert counts["collisions"] >= 1 and counts["garbled"] == 1


@pytest.mark.parametrize("kind", ["flip", "drop", "insert", "double", "truncate"])
def test_a_damaged_answer_is_never_valid(line, kind):
    field, master = line
    field.control("fault", line="east", unit=9, kind=kind, probability=1)
    for _ in range(10):
        answer, _ = master.ask(9, struct.pack(">BHH", 3, 0, 2), 0.1)
        assert len(answer) != 9 or answer[-2:] != crc(answer[:-2])
    field.control("fault", line="east", unit=9, kind=kind, probability=0)
    assert len(master.read(9, 3, 0, 2)) == 2


def test_stray_bytes_come_before_a_whole_answer(line):
    field, master = line
    field.control("fault", line="east", unit=9, kind="stray", probability=1)
    answer, _ = master.ask(9, struct.pack(">BHH", 3, 0, 2), size=10)
    whole = answer.lstrip(b"\0")
    assert len(answer) > 9 and len(whole) == 9 and whole[-2:] == crc(whole[:-2])


def test_a_late_answer_is_late(line):
    field, master = line
    field.control("fault", line="east", unit=9, kind="late", probability=1, ms=80, max_ms=90)
    answer, seconds = master.ask(9, struct.pack(">BHH", 3, 0, 2), size=9)
    assert len(answer) == 9 and seconds > 0.08


def test_a_dripping_unit_sends_byte_by_byte(line):
    field, master = line
    field.control("fault", line="east", unit=9, kind="drip", probability=1, ms=15)
    start = time.monotonic()
    answer, _ = master.ask(9, struct.pack(">BHH", 3, 0, 2), size=9)
    assert len(answer) == 9 and time.monotonic() - start > 0.13


def test_a_foreign_answer_comes_before_the_true_one(line):
    field, master = line
    field.control("fault", line="east", unit=9, kind="foreign", probability=1)
    answer, _ = master.ask(9, struct.pack(">BHH", 3, 0, 2), size=18)
    assert len(answer) == 18 and answer[0] != 9 and answer[9] == 9
    assert answer[7:9] == crc(answer[:7]) and answer[16:] == crc(answer[9:16])


def test_a_duplicate_is_the_same_answer_again(line):
    field, master = line
    field.control("fault", line="east", unit=9, kind="duplicate", probability=1)
    answer, _ = master.ask(9, struct.pack(">BHH", 3, 0, 2), size=18)
    assert len(answer) == 18 and answer[:9] == answer[9:]


def test_a_babbling_unit_does_not_stop_until_told(line):
    field, master = line
    field.control("fault", line="east", unit=9, kind="babble", probability=1)
    heard = 0
    while heard < 300:
        assert select.select([master.fd], [], [], 0.5 * SLOWEST)[0]
        heard += len(os.read(master.fd, 512))
    field.control("fault", line="east", unit=9, kind="babble", probability=0)
    wait_until(lambda: not select.select([master.fd], [], [], 0.1)[0] or
               not os.read(master.fd, 512), 2, "it is quiet")
    assert len(master.read(9, 3, 0, 2)) == 2


def test_a_dead_unit_is_silent_and_the_others_are_not(line):
    field, master = line
    field.control("power", line="east", unit=9, on=False)
    assert master.ask(9, struct.pack(">BHH", 3, 0, 2), 0.1)[0] == b""
    assert len(master.read(1, 4, 1, 2)) == 2
    field.control("power", line="east", unit=9, on=True)
    assert len(master.read(9, 3, 0, 2)) == 2


def test_a_pulled_adapter_comes_back_under_its_name(line):
    field, master = line
    field.control("unplug", line="east")
    assert not os.path.exists(field.port("east"))
    with pytest.raises(OSError):
        os.write(master.fd, b"x")
        os.read(master.fd, 1)
    field.control("replug", line="east")
    again = Master(field.port("east"))
    assert len(again.read(9, 3, 0, 2)) == 2
    again.close()


def test_a_port_closed_and_opened_again_works(line):
    field, master = line
    for _ in range(3):
        again = Master(field.port("east"))
        assert len(again.read(9, 3, 0, 2)) == 2
        again.close()
    master.close()
    master.fd = os.open(field.port("east"), os.O_RDWR | os.O_NOCTTY)
    assert len(master.read(9, 3, 0, 2)) == 2


def test_stop_sampling_ends_all_answers(line):
    field, master = line
    assert len(master.read(1, 4, 1, 2)) == 2
    answer = field.control("stop-sampling")
    assert answer["taken"] == 1
    assert master.ask(1, struct.pack(">BHH", 4, 1, 2), 0.1)[0] == b""


def test_a_scene_with_an_unknown_key_is_refused(site, needs):
    needs("baiye-field")
    field = Field(site.folder, {"lines": [{"name": "east", "bauds": 9600, "units": []}]})
    Process.start(field)
    site.add(field)
    assert field.child.wait(120) == 78
    assert "bauds" in field.log()
