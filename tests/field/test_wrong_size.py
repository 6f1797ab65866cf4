# SPDX-License-Identifier: Apache-2.0
"""The right unit answers something else than was asked: another device than its profile says."""
import pytest

from garden import wait_until
from probe import Raw, Registers, device

FIELDS = "fields:\n  - { metric: level, register: 0 }\n"
PROFILE = "limits: { response_max: 1s }\n" + FIELDS  # it is waited so long for the right size
WIRING = ("power", "wiring", "cable", "A and B", "rate", "parity")


def hints(farm):
    device_, bus = farm.device_stats()["hint"], farm.bus_stats()["hint"]
    return device_, bus


def check(farm, bus, expected):
    farm.profile(PROFILE)
    farm.profile(PROFILE.replace("register: 0", "register: 7"), name="neighbour")
    farm.start(bus)
    wait_until(lambda: expected in hints(farm)[0], 40, f"the hint says {expected}")
    assert "not this profile's device?" in hints(farm)[0]
    farm.wait_log("answers, but not what was asked")
    assert not any(word in text for text in hints(farm) for word in WIRING), hints(farm)
    assert "does not answer" not in farm.log()
    assert not farm.device_stats()["online"]
    assert farm.values("level") == []


@pytest.mark.parametrize("neighbour", [False, True])
def test_an_answer_of_another_size_is_told(farm, neighbour):
    """To 01 03 00 00 00 01 84 0A comes 01 03 04 00 00 01 2C FA 7E."""
    def answer(unit, pdu):
        return Raw.fromhex("01 03 04 00 00 01 2C FA 7E") if unit == 1 else None
    line = farm.line(Registers({7: 1}, special=answer))
    others = [device("other", profile="neighbour", address=2)] if neighbour else []
    check(farm, line.bus(device(), *others), "it answers, 4 bytes where 2 were asked")


def test_an_answer_by_another_function_is_told(farm):
    line = farm.line(Registers(special=lambda unit, pdu: bytes([4, 2, 0, 9])))
    check(farm, line.bus(device()), "it answers with function 4 where 3 was asked")


@pytest.mark.parametrize("rtu", [False, True])
def test_so_it_is_over_tcp(farm, rtu):
    server = farm.server(Registers(special=lambda unit, pdu: bytes([3, 6, 0, 9, 0, 9, 0, 9])),
                         rtu=rtu)
    check(farm, server.bus(device()), "it answers, 6 bytes where 2 were asked")


@pytest.mark.parametrize("silent", [False, True])
def test_hints_of_modbus_tcp_do_not_speak_of_the_wire(farm, silent):
    """No unit behind the server answers, or what comes is no Modbus TCP."""
    server = farm.server(lambda unit, pdu: b"" if silent else Raw(b"\1\3\2\0\0\xb8\x44 and more"))
    farm.profile("limits: { response_max: 100ms }\n" + FIELDS)
    farm.start(server.bus(device(), device("other", address=2)))
    wait_until(lambda: hints(farm)[1], 240, "the line has a hint")  # the dead are asked seldom
    assert not any(word in text for text in hints(farm) for word in WIRING[1:])
    assert "wrong rate" not in farm.log()
