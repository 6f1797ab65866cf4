# SPDX-License-Identifier: Apache-2.0
"""Devices that refuse: all of it, or one register of seven."""
import threading

import pytest

from garden import wait_until
from probe import Raw, Registers, device

SEVEN = "fields:\n" + "".join(f"  - {{ metric: m{i}, register: {i} }}\n" for i in range(7))


def test_answering_only_exceptions_is_not_online(farm):
    refuses = threading.Event()
    line = farm.line(Registers({0: 7}, special=lambda unit, pdu: Raw.fromhex(
        "01 83 04 40 F3") if refuses.is_set() else None))
    farm.profile("fields:\n  - { metric: level, register: 0 }\n")
    farm.start(line.bus(device()))
    farm.wait(5)
    refuses.set()
    farm.wait_log("device probe (bus east, address 1) answers only with exceptions")
    wait_until(lambda: not farm.device_stats()["online"], 30, "it is not online")
    wait_until(lambda: "exception 4" in farm.device_stats()["hint"] and
               "probe behind it" in farm.device_stats()["hint"], 30, "the hint names the probe")


@pytest.mark.parametrize("code, words", [(10, "table of units"), (11, "behind the gateway")])
def test_a_gateway_that_speaks_for_a_silent_unit_is_told_of(farm, code, words):
    """It answers, the unit does not: nothing of it is live, and the hint says where to look."""
    refuses = threading.Event()
    server = farm.server(Registers({0: 7}, special=lambda unit, pdu: bytes(
        [pdu[0] | 0x80, code]) if refuses.is_set() else None))
    farm.profile("fields:\n  - { metric: level, function: 4, register: 0 }\n")
    farm.start(server.bus(device()))
    farm.wait(2)
    refuses.set()
    wait_until(lambda: not farm.device_stats()["online"], 30, "it is not online")
    wait_until(lambda: f"exception {code}" in farm.device_stats()["hint"] and
               words in farm.device_stats()["hint"], 30, "the hint says where to look")
    refuses.clear()
    wait_until(lambda: farm.device_stats()["online"], 60, "it answers again")
    wait_until(lambda: farm.device_stats()["hint"] == "", 30, "and the hint is gone")


@pytest.mark.parametrize("code, which, tcp", [
    (1, 3, False), (4, 0, False), (6, 3, False), (None, 0, False), (None, 0, True), (11, 6, True)])
def test_one_register_of_seven_is_refused(farm, code, which, tcp):
    """The six others are live within a few polls, and the log has one line of it: by exceptions, of a
    gateway, too, that the unit does not answer, and by silence."""
    def answer(unit, pdu):
        touched = range(pdu[2], pdu[2] + pdu[4])
        if unit == 1 and which in touched:
            return b"" if code is None else bytes([0x83, code])
        return None
    registers = Registers({i: 100 + i for i in range(7)}, special=answer)
    line = farm.server(registers) if tcp else farm.line(registers)
    patience = "1s" if code is None else "10s"  # no machine is as busy as that
    farm.profile(f"limits: {{ response_max: {patience} }}\n" + SEVEN)
    farm.start(line.bus(device(every="300ms"),
                        device("other", address=2)))
    wait_until(lambda: any(len(r["values"]) == 6 for r in farm.readings()), 40, "six are live")
    assert all(r["values"].get(f"m{i}", 100 + i) == 100 + i
               for r in farm.readings() for i in range(7))
    farm.wait(len(farm.readings()) + 5)
    assert len(farm.readings("other")[-1]["values"]) == 7
    bus = "net" if tcp else "east"
    assert farm.log().count(f"device probe (bus {bus}, address 1) refuses 1 of 7 fields") == 1


def test_a_profile_that_is_refused_everywhere_costs_little(farm):
    line = farm.line(Registers({7: 1}, special=lambda unit, pdu: bytes([pdu[0] | 0x80, 2])
                               if unit == 1 else None))
    farm.profile(SEVEN)
    farm.profile("fields:\n  - { metric: level, register: 7 }\n", name="neighbour")
    farm.start(line.bus(device(), device("neighbour", profile="neighbour", address=2)))
    farm.wait_log("refuses 7 of 7 fields")
    before, had = len(line.device.reads(unit=1)), len(farm.readings("neighbour"))
    farm.wait(had + 50, 60, name="neighbour")  # as often as it would have been asked itself
    assert len(line.device.reads(unit=1)) - before <= 3
    assert farm.log().count("refuses 7 of 7 fields") == 1
