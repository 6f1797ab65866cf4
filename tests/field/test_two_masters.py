# SPDX-License-Identifier: Apache-2.0
"""A PLC polls the same line: its answers are no values of ours, and the line says who is there."""
import struct
import time

from probe import Raw, Registers, device, frame


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
