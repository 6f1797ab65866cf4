# SPDX-License-Identifier: Apache-2.0
"""All lines of Modbus TCP have one thread: none of them costs another a poll."""
import pathlib
import socket

from garden import FairClock, wait_until
from test_bus_line import Polls
from test_bus_tcp import _built, patient, serve  # noqa: F401

PORTS = 24
BAD = {"hangs-up": lambda *_: None,
       "silent": lambda *_: b"",
       "garbage": lambda *_: b"\1\3\2\0\0\xb8\x44 and more",
       "drips": lambda server, unit, answer: answer[:3]}


def bus(name, port, every="200ms", profile="rs-ws-n01-tr"):
    return {"name": name, "type": "tcp", "port": f"127.0.0.1:{port}", "devices": [
        {"name": f"{name}-1", "profile": profile, "address": 1, "every": every}]}


def threads(polls):
    return len(list(pathlib.Path(f"/proc/{polls.child.pid}/task").iterdir()))


def test_a_port_costs_no_thread(site, serve):  # noqa: F811
    server = serve(False, lambda _, unit, answer: answer)
    polls = Polls(site, [bus(f"p{at}", server.port) for at in range(PORTS)])
    for at in range(PORTS):
        polls.wait_for(f"p{at}-1", 3, 20)
    assert threads(polls) < PORTS / 2
    wait_until(lambda: sum(one.fileno() >= 0 for one in list(server.connections)) == PORTS, 20,
               "each has one connection")


def test_bad_ports_cost_the_others_nothing(site, serve):  # noqa: F811
    """One that hangs up, one that is silent, talks nonsense, ends in the midst of an answer, does
    not accept, refuses: the others are polled as if they were alone."""
    good = serve(False, lambda _, unit, answer: answer)
    buses = [bus(f"good{at}", good.port, profile="patient") for at in range(4)]
    buses += [bus(name, serve(False, behave).port) for name, behave in BAD.items()]
    with socket.socket() as full, socket.socket() as closed:
        for listener in (full, closed):
            listener.bind(("127.0.0.1", 0))
        full.listen(0)  # its queue is full after two: no connection comes about
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        buses += [bus("full", full.getsockname()[1]), bus("closed", closed.getsockname()[1])]
        polls = Polls(site, buses, **patient(site))
        wait_until(lambda: all(f"device {name}-1" in polls.log() for name in BAD), 40,
                   "the bad ones are told of")
        wait_until(lambda: all(f"bus {name}: 127.0.0.1 can't be opened" in polls.log()
                               for name in ("full", "closed")), 40, "those without connection, too")
        own_time, had = FairClock(polls), [len(polls.readings(f"good{at}-1")) for at in range(4)]
        for at in range(4):
            polls.wait_for(f"good{at}-1", had[at] + 25, 30)
        for filler in fillers:
            filler.close()
    assert own_time() < 20
    assert not any(polls.gaps(f"good{at}-1") for at in range(4))
    assert not any(polls.readings(f"{name}-1") for name in [*BAD, "full", "closed"])


def test_it_ends_with_many_ports(site, serve):  # noqa: F811
    server = serve(False, lambda _, unit, answer: b"" if unit == 1 else answer)
    polls = Polls(site, [bus(f"p{at}", server.port, "1ms") for at in range(PORTS)], seconds=3)
    wait_until(lambda: not polls.running(), 20, "it has ended")
    assert polls.child.returncode == 0
