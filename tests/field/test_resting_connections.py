# SPDX-License-Identifier: Apache-2.0
"""Servers that end a connection that rests, and servers that have only one place: one connection a
poll, and to everybody else the line is up all the time."""
import contextlib
import socket

import pytest

from garden import wait_until
from probe import Registers, device, frame, mbap

TWO_READS = ("limits: { max_registers: 1, response_max: 10s }\nfields:\n"  # no machine is as busy as that
             "  - { metric: level, register: 0 }\n  - { metric: pressure, register: 40 }\n")
VALUES = {0: 0x1234, 40: 7}
READ = bytes([3, 0, 0, 0, 1])
# What comes sooner than the first eight answers by a quarter of its time on the wire is no answer. Where a
# busy machine was late with all of those, the next one in time must not be.
SLOW = 600


def polled(farm, server, count, every, **more):
    """Polls so often; between the polls nothing seems to be down."""
    farm.profile(TWO_READS)
    rate = {"baud": SLOW} if server.rtu else {}
    farm.start(server.bus(device(every=every), **rate, **more))
    farm.wait(1)
    wait_until(lambda: farm.device_stats()["online"], 20, "its state is known")
    farm.wait(count, 60)
    wait_until(lambda: farm.bus_stats()["state"] == "up", 5, "the line is up")
    assert farm.device_stats()["online"]
    assert set(farm.values("level")) == {0x1234}
    assert farm.log().count("bus net: ") == 1, farm.log()
    assert "does not answer" not in farm.log()


def rests(asked, seconds):
    """How often nothing was asked for so long, though a poll was under way: on a busy machine the second
    request comes late, and a server or the gateway has closed by then."""
    return sum(b - a > 0.8 * seconds and pdu[1:3] == b"\0\x28"
               for (a, _, _), (b, _, pdu) in zip(asked, asked[1:]))


def one_a_poll(server, farm, idle=60):
    """Two late polls may have shared one."""
    fewest = len(farm.readings()) / 2
    opened, asked = len(server.opened), list(server.device.asked)
    polls = sum(pdu[1:3] == b"\0\0" for _, _, pdu in asked)
    return fewest < opened <= polls + 1 + rests(asked, idle)


@pytest.mark.parametrize("rtu", [False, True])
def test_a_server_that_closes_after_a_while_is_connected_to_once_a_poll(farm, rtu):
    server = farm.server(Registers(VALUES), idle=0.4, rtu=rtu)
    polled(farm, server, 6, "1s")
    assert one_a_poll(server, farm, server.idle), server.opened


def served(server, rtu):
    """Another client gets an answer; or the gateway has just taken the place."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port)) as other:
        other.settimeout(60)
        other.sendall(frame([1], READ) if rtu else mbap(bytes(7), READ, unit=1))
        return other.recv(64)


@pytest.mark.parametrize("rtu", [False, True])
def test_close_after_poll_leaves_the_one_place_to_others(farm, rtu):
    server = farm.server(Registers(VALUES), most=1, rtu=rtu)
    polled(farm, server, 5, "1s", close="after poll", settle="50ms")
    assert one_a_poll(server, farm), server.opened
    assert not server.refused
    wait_until(lambda: served(server, rtu), 20, "between two polls the place is free")
    have = len(farm.readings())
    farm.wait(have + 2)


def test_close_idle_closes_what_rests_so_long(farm):
    server = farm.server(Registers(VALUES))
    polled(farm, server, 4, "2s", close="idle 300ms")
    assert one_a_poll(server, farm, 0.3), server.opened
    assert len(server.closed) >= 2


def test_a_connection_that_is_used_is_not_closed(farm):
    server = farm.server(Registers(VALUES))
    polled(farm, server, 12, "200ms", close="idle 1s")
    times = [at for at, _, _ in server.device.asked]
    assert times[-1] - times[0] > 1
    assert len(server.opened) <= 1 + sum(b - a > 0.8 for a, b in zip(times, times[1:]))


def test_a_request_of_people_opens_it(farm):
    asked = Registers({**VALUES, 9: 99})
    server = farm.server(asked)
    polled(farm, server, 2, "2s", close="after poll")
    assert "99" in farm.baiye("read", "probe", 9), asked.asked


def test_the_configuration_says_what_close_can_be(farm):
    farm.profile(TWO_READS)
    server = farm.server(Registers(VALUES))
    farm.check(server.bus(device(every="1s"), close="after poll"))
    farm.check(server.bus(device(every="1s"), close="idle 10s"))
    for wrong in ("never", "idle", "idle 0s", "after"):
        said = farm.check(server.bus(device(every="1s"), close=wrong), code=78)
        assert "after poll" in said and "idle 10s" in said
