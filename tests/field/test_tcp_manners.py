# SPDX-License-Identifier: Apache-2.0
"""Modbus TCP servers and converters as they are: their headers, their order, their manners."""
import socket
import struct
import time

import pytest

from garden import wait_until
from probe import Raw, Registers, device, mbap

FIELDS = "fields:\n  - { metric: level, register: 0 }\n"
PROFILE = "limits: { response_max: 10s }\n" + FIELDS  # no machine is as busy as that
GOOD = bytes([3, 2, 0x12, 0x34])
STALE = bytes([3, 2, 0x0B, 0xAD])


def polled(farm, answer, **more):
    """Readings of one register that holds 0x1234."""
    server = farm.server(answer)
    farm.profile(PROFILE)
    farm.start(server.bus(device(), **more))
    farm.wait(8, 90)
    assert set(farm.values("level")) == {0x1234}
    return server


def taken(connection):
    """Has the other end read all that was sent? Its row of /proc/net/tcp, proc(5), says so."""
    own, other = (f":{end[1]:04X}" for end in (connection.getsockname(), connection.getpeername()))
    with open("/proc/net/tcp", encoding="ascii") as lines:
        rows = [line.split() for line in lines]
    return any(row[1].endswith(other) and row[2].endswith(own) and row[4].endswith(":00000000")
               for row in rows)


def split(connection, head):
    """Each byte is read before the next one is sent."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in mbap(head, GOOD):
        connection.sendall(bytes([byte]))
        wait_until(lambda: taken(connection), 20, "the byte is read")


def before(connection, head):
    connection.sendall(mbap(head, STALE, transaction=0x7FFF) + mbap(head, GOOD))


def twice_apart(connection, head):
    connection.sendall(mbap(head, STALE, transaction=0x7FFF))
    time.sleep(0.02)
    connection.sendall(mbap(head, GOOD))


def behind(connection, head):
    connection.sendall(mbap(head, GOOD) + mbap(head, STALE, transaction=0x7FFF))


def again(connection, head):
    connection.sendall(mbap(head, GOOD) * 2)


ANSWERS = {
    "unit 0": lambda c, h: c.sendall(mbap(h, GOOD, unit=0)),
    "unit 255": lambda c, h: c.sendall(mbap(h, GOOD, unit=255)),
    "one short": lambda c, h: c.sendall(mbap(h, GOOD, length=len(GOOD))),
    "one long": lambda c, h: c.sendall(mbap(h, GOOD, length=len(GOOD) + 2)),
    "a byte too many": lambda c, h: c.sendall(mbap(h, GOOD, length=len(GOOD) + 2) + b"\0"),
    "split": split, "foreign first": before, "foreign apart": twice_apart, "foreign behind": behind,
    "answered twice": again}


def one_connection(farm, server):
    """But for an answer or two that came late: a device here is a thread, which has to wait for its turn."""
    return len(server.opened) <= 1 + min(farm.bus_stats()["timeouts"], 2)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_known_by_its_transaction(farm, name):
    server = polled(farm, lambda unit, pdu: ANSWERS[name])
    assert one_connection(farm, server)


def test_an_exception_whose_header_counts_wrong_is_an_exception(farm):
    """00 07 00 00 00 04 01 83 02 is exception 2."""
    def answer(unit, pdu):
        return lambda c, head: c.sendall(head[:2] + bytes.fromhex("00 00 00 04 01 83 02"))
    server = farm.server(answer)
    farm.profile(PROFILE)
    farm.start(server.bus(device()))
    farm.wait_log("refuses 1 of 1 fields, from register 0 (function 3) on: illegal data address")
    assert one_connection(farm, server)


def test_no_modbus_at_all_closes_the_connection(farm):
    server = farm.server(lambda unit, pdu: Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    farm.profile(PROFILE)
    farm.start(server.bus(device()))
    wait_until(lambda: len(server.opened) > 2, 20, "it is connected anew")
    assert farm.readings() == []


def test_another_units_answer_is_none(farm):
    server = farm.server(lambda unit, pdu: lambda c, h: c.sendall(mbap(h, STALE, unit=9)))
    farm.profile(FIELDS)
    farm.start(server.bus(device()))
    farm.wait_log("answers only garbage", 30)
    assert set(farm.values("level")) <= {None}


def test_a_new_connection_is_left_alone_while_it_settles(farm):
    asked = Registers({0: 0x1234})
    server = farm.server(asked, settle=0.5)
    farm.profile(PROFILE)
    farm.start(server.bus(device(), settle="2s"))
    farm.wait(5)
    assert one_connection(farm, server)
    assert asked.asked[0][0] - server.opened[0] >= 1.5  # noted late where the machine is busy


def sent_again(port):
    """Is the kernel trying to connect there, and not for the first time? /proc/net/tcp of proc(5)."""
    with open("/proc/net/tcp", encoding="ascii") as lines:
        rows = [line.split() for line in lines][1:]
    return any(int(row[2].split(":")[1], 16) == port and row[3] == "02" and int(row[6], 16) > 0
               for row in rows)


def test_a_connection_may_take_its_time(farm):
    """A full backlog drops SYNs, as a lossy link does: what is sent again after seconds gets in."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    fillers = [socket.create_connection(("127.0.0.1", port))]  # the one place; others are dropped
    farm.profile(PROFILE)
    farm.start({"name": "net", "type": "tcp", "port": f"127.0.0.1:{port}", "devices": [device()]})
    wait_until(lambda: sent_again(port), 10, "the first SYN is lost")
    listener.settimeout(120)
    fillers.append(listener.accept()[0])
    connection = listener.accept()[0]
    with connection:
        connection.settimeout(120)
        for _ in range(3):
            request = connection.recv(260)
            connection.sendall(mbap(request[:7], GOOD))
        farm.wait(2)
    listener.close()
    assert struct.unpack(">H", GOOD[2:])[0] in farm.values("level")
