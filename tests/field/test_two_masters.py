# SPDX-License-Identifier: Apache-2.0
"""A PLC polls the same line: its answers are no values of ours, and the line says who is there."""
import struct
import time

import pytest

from garden import wait_until
from probe import Raw, Registers, Serial, device, frame


def test_the_other_masters_answers_are_no_values(farm):
    turns = []

    def answer(unit, pdu):
        """Now and then the PLC asks the same unit for another register just after our request: its
        request is heard, then one answer, which is the PLC's."""
        turns.append(pdu)
        if struct.unpack(">HH", pdu[1:]) == (0, 1) and len(turns) % 3 == 0:
            return Raw(frame("01 03 00 64 00 01") + frame("01 03 02 1A 0A"))  # 6666
        return None
    line = farm.line(Registers({0: 1234, 1: 0, 2: 0}, special=answer))
    farm.profile("fields:\n  - { metric: level, register: 0 }\n")
    farm.start(line.bus(device(every="300ms")))
    farm.wait(8, 40)
    assert set(farm.values("level")) <= {1234}
    farm.wait_log("bus east: another master is on it", 40)
    assert time.monotonic() and len(turns) > 8


KINDS = {  # what a field says: the PLC's request and its answer, ours, and its value
    "function: 1, type: bool": ("01 01 00 64 00 01", "01 01 01 01", "01 01 00", 0),
    "function: 2, type: bool": ("01 02 00 64 00 08", "01 02 01 01", "02 01 00", 0),
    "function: 4, type: u32": ("01 04 00 64 00 02", "01 04 04 00 00 1A 0A", "04 04 00 00 00 4D", 77),
    "type: s16": ("01 03 FF 00 00 01", "01 83 02", "03 02 00 05", 5)}


@pytest.mark.parametrize("keys, converter", [*((keys, False) for keys in KINDS),
                                             ("function: 1, type: bool", True)])
def test_nor_by_another_function_or_size(farm, keys, converter):
    """Bits, words of two registers, an exception; on a port and behind a converter."""
    request_, theirs, ours, value = KINDS[keys]
    wanted, turns = bytes.fromhex(ours), []

    def answer(unit, pdu):
        turns.append(pdu)
        if pdu[1:3] != b"\0\0" or pdu[0] != wanted[0]:
            return bytes([pdu[0] | 0x80, 2])
        if len(turns) % 3 == 0:
            return Raw(frame(request_) + frame(theirs))
        count = struct.unpack(">H", pdu[3:5])[0]
        size = (count + 7) // 8 if pdu[0] <= 2 else 2 * count
        return wanted if wanted[1] == size else bytes([pdu[0], size]) + bytes(size)
    line = farm.server(Registers(special=answer), rtu=True) if converter else \
        farm.line(Registers(special=answer))
    farm.profile(f"limits: {{ response_max: 200ms }}\nfields:\n  - {{ metric: level, register: 0, {keys} }}\n")
    farm.start(line.bus(device()))
    farm.wait(6, 40)
    assert {v for v in farm.values("level") if v is not None} == {value}
    farm.wait_log("another master is on it", 40)
    assert "refuses" not in farm.log()


class Echoing(Serial):
    """An adapter that hears what it sends. Told to `hold`, it keeps the next request for register
    100 to itself, and says it in front of the one after."""

    def __init__(self, device_):
        self.hold, self.held = False, b""
        super().__init__(device_)

    def hear(self, unit, pdu):
        echo = frame([unit], pdu)
        if self.hold and pdu[1:3] == b"\0\x64":
            self.hold, self.held = False, echo
            return
        self.say(self.held + echo)
        self.held = b""
        super().hear(unit, pdu)


def test_what_was_asked_before_a_reload_is_no_other_masters(farm):
    """The adapter gives the echo of the last request to the process that comes after, which asks
    for something else first."""
    line = Echoing(Registers({0: 1234, 100: 5, 101: 0}))
    farm.devices.append(line)
    farm.profile("fields:\n  - { metric: level, register: 0 }\n"
                 "  - { metric: carbon_dioxide, register: 100, type: u32 }\n")
    farm.start(line.bus(device()))
    farm.wait(4)
    line.hold = True
    wait_until(lambda: line.held, 20, "an echo is held back")
    farm.baiye("reload")
    farm.wait(len(farm.readings()) + 55, 90)  # the line is judged every ten seconds
    assert "another master" not in farm.log()
    assert "master" not in farm.bus_stats()["hint"]
    assert {v for v in farm.values("level") if v is not None} == {1234}
