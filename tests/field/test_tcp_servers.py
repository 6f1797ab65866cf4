# SPDX-License-Identifier: Apache-2.0
"""Modbus TCP servers that count, number and address in their own ways: what the transaction says is
the answer is the answer, and nothing else is."""
import pytest

from garden import wait_until
from probe import Raw, Registers, device, mbap

LEVEL = "fields:\n  - { metric: level, register: 0 }\n"


def poll(farm, special, count=8):
    """Readings of a server that answers so; `special(connection, head, pdu)` sends."""
    registers = Registers({0: 42})

    def answer(unit, pdu):
        registers.asked.append((0, unit, pdu))
        return lambda connection, head: special(connection, head, registers.usual(pdu))
    server = farm.server(answer)
    farm.profile(LEVEL)
    farm.start(server.bus(device(address=3)))
    readings = farm.wait(count)
    assert set(farm.values("level")) == {42}
    assert len(server.opened) == 1, "no connection was given up"
    return readings


@pytest.mark.parametrize("echoed", [0, 255])
def test_a_server_that_is_one_device_echoes_its_own_unit(farm, echoed):
    poll(farm, lambda connection, head, pdu: connection.sendall(mbap(head, pdu, unit=echoed)))


def test_another_units_answer_is_not_taken(farm):
    server = farm.server(lambda unit, pdu: lambda connection, head: connection.sendall(
        mbap(head, b"\x03\x02\x00\x07", unit=4)))
    farm.profile(LEVEL)
    farm.start(server.bus(device(address=3)))
    wait_until(lambda: len(server.opened) > 3, 20, "it is asked again")
    assert farm.readings() == []


@pytest.mark.parametrize("off", [-1, 1])
def test_a_length_that_is_one_off(farm, off):
    poll(farm, lambda connection, head, pdu: connection.sendall(
        mbap(head, pdu, length=len(pdu) + 1 + off)))


def test_an_exception_whose_length_is_one_too_long_is_an_exception_at_once(farm):
    server = farm.server(lambda unit, pdu: lambda connection, head: connection.sendall(
        mbap(head, b"\x83\x02", length=4)))
    farm.profile("limits: { response_max: 2s }\n" + LEVEL)
    farm.start(server.bus(device(address=3)))
    farm.wait_log("refuses 1 of 1 fields", 10)
    assert farm.device_stats()["timeouts"] == 0


def test_answers_to_what_was_given_up_come_first(farm):
    """In one piece with the right one, and in pieces of one byte."""
    def foreign(connection, head, pdu):
        number = int.from_bytes(head[:2], "big")
        old = mbap(head, b"\x03\x02\x00\x63", transaction=(number - 1) & 0xFFFF)
        data = old + old + mbap(head, pdu)
        if number % 2:
            connection.sendall(data)
        else:
            for byte in data:
                connection.sendall(bytes([byte]))
    poll(farm, foreign)


def test_what_is_sent_behind_the_answer_is_dropped(farm):
    poll(farm, lambda connection, head, pdu: connection.sendall(
        mbap(head, pdu) + mbap(head, b"\x03\x02\x00\x63", transaction=9)))


def test_no_modbus_at_all_closes_the_connection(farm):
    server = farm.server(lambda unit, pdu: Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    farm.profile(LEVEL)
    farm.start(server.bus(device(address=3)))
    wait_until(lambda: len(server.opened) > 2, 20, "it is connected anew")
    assert farm.readings() == []
