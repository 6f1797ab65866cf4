# SPDX-License-Identifier: Apache-2.0
"""Converters that dial in: 4G units that connect to the gateway, register and send heartbeats."""
import contextlib
import socket
import threading
import time

import pytest

from garden import free_port, wait_until
from probe import Registers, device, frame, mbap, pdu_size

PROFILE = "fields:\n  - { metric: level, register: 0 }\n"
PATIENT = "limits: { response_max: 10s }\n" + PROFILE  # no machine is as busy as that
LATE = 2  # of ten answers: a device here is a thread, which has to wait for its turn
BEAT = b"ping"


class Dtu:
    """Dials in, registers, and passes requests on to `device(unit, pdu)`. `wrap(answer)` gives the
    pieces in which an answer is sent."""

    def __init__(self, port, device_, registration=b"4G-0017", tcp=False, wrap=None, beat=None,
                 host="127.0.0.1"):
        self.place, self.device, self.tcp = (host, port), device_, tcp
        self.registration, self.beat = registration, beat
        self.wrap = wrap or (lambda said: [said])
        self.closed = threading.Event()
        self.connection = None
        self.lock = threading.Lock()

    def dial(self):
        self.closed.clear()
        self.connection = socket.create_connection(self.place)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.say(self.registration)
        threading.Thread(target=self.serve, args=(self.connection,), daemon=True).start()
        if self.beat:
            threading.Thread(target=self.live, args=(self.connection,), daemon=True).start()
        return self

    def say(self, *pieces):
        for piece in pieces:
            self.connection.sendall(piece)
            time.sleep(0.005)

    def live(self, connection):
        with contextlib.suppress(OSError):
            while not self.closed.is_set():
                with self.lock:
                    connection.sendall(self.beat)
                time.sleep(0.02)

    def serve(self, connection):
        data = b""
        with contextlib.suppress(OSError):
            while got := connection.recv(512):
                data = self.take(connection, data + got)
        self.closed.set()

    def take(self, connection, data):
        head = 7 if self.tcp else 1
        while len(data) > head:
            size = pdu_size(data[head:])
            end = None if size is None else head + size + (0 if self.tcp else 2)
            if end is None or len(data) < end:
                break
            said = self.device(data[head - 1], data[head:head + size])
            if said:
                said = mbap(data[:7], said) if self.tcp else frame(data[:1], said)
                with self.lock:
                    for piece in self.wrap(said):
                        connection.sendall(piece)
                        time.sleep(0.005)
            data = data[end:]
        return data

    def hang_up(self):
        self.connection.close()

    def close(self):
        if self.connection:
            self.hang_up()


@pytest.fixture
def port():
    return free_port()


def bus(port, *devices, registration="4G-0017", **more):
    return {"name": "hill", "type": "rtu-over-tcp", "listen": f"127.0.0.1:{port}",
            "registration": registration, "devices": list(devices) or [device()], **more}


def dtu(farm, *arguments, **more):
    made = Dtu(*arguments, **more)
    farm.devices.append(made)
    return made


def listening(farm):
    farm.wait_log("waits for converters")


def refused(farm, port, said):
    """Connects, says that, and is hung up on."""
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.settimeout(120)
        stranger.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            assert stranger.recv(1) == b""


@pytest.mark.parametrize("tcp", [False, True], ids=["rtu-over-tcp", "tcp"])
def test_many_dial_in_at_one_port_and_are_told_apart(farm, port, tcp):
    names = {"hill": "4G-0017", "lake": "4G-00171", "wood": "hex:AA 00 01", "dale": "IMEI:86*"}
    said = {"hill": b"4G-0017", "lake": b"4G-00171\r\n", "wood": b"\xaa\0\1", "dale": b"IMEI:8612"}
    farm.profile(PROFILE)
    farm.start(*[bus(port, device(name), name=name, registration=registration,
                     type="tcp" if tcp else "rtu-over-tcp")
                 for name, registration in names.items()])
    listening(farm)
    for i, name in enumerate(names):
        dtu(farm, port, Registers({0: 100 + i}), registration=said[name], tcp=tcp).dial()
    for i, name in enumerate(names):
        farm.wait(5, name=name)
        assert set(farm.values("level", name)) == {100 + i}


def test_a_hundred_share_a_port(farm, port):
    """The first, the last, and one that is nobody's."""
    farm.profile(PROFILE)
    farm.start(*[bus(port, device(f"d{i}"), name=f"b{i}", registration=f"DTU{i:03}")
                 for i in range(100)])
    listening(farm)
    refused(farm, port, b"DTU100")
    for i in (0, 63, 64, 99):
        dtu(farm, port, Registers({0: 100 + i}), registration=b"DTU%03d" % i).dial()
        farm.wait(3, name=f"d{i}")
        assert set(farm.values("level", f"d{i}")) == {100 + i}
    assert farm.stats()["listen"]["registered"] == 4


BEATS = {
    "before": lambda said: [BEAT + said], "behind": lambda said: [said + BEAT],
    "apart": lambda said: [BEAT, said, BEAT], "many": lambda said: [BEAT * 3 + said + BEAT * 2],
    "in pieces": lambda said: [b"pi", b"ng" + said + b"pi", b"ng"],
    "registration again": lambda said: [b"4G-0017" + said]}


@pytest.mark.parametrize("tcp", [False, True], ids=["rtu-over-tcp", "tcp"])
@pytest.mark.parametrize("where", BEATS)
def test_heartbeats_cost_no_value(farm, port, where, tcp):
    registers = Registers({0: 0x1234})
    farm.profile(PATIENT)
    farm.start(bus(port, heartbeat=BEAT.decode(), type="tcp" if tcp else "rtu-over-tcp"))
    listening(farm)
    dtu(farm, port, registers, tcp=tcp, wrap=BEATS[where], beat=BEAT).dial()
    farm.wait(10)
    assert set(farm.values("level")) == {0x1234}
    stats = farm.bus_stats()
    assert stats["reopened"] == 1
    assert stats["timeouts"] + stats["crc_errors"] <= LATE  # a heartbeat is there with each answer


def test_a_heartbeat_in_the_midst_of_an_answer_is_taken_out(farm, port):
    farm.profile(PATIENT)
    farm.start(bus(port, heartbeat="ping"))
    listening(farm)
    dtu(farm, port, Registers({0: 0x1234}), wrap=lambda said: [said[:4] + BEAT + said[4:]]).dial()
    farm.wait(8)
    assert set(farm.values("level")) == {0x1234}
    assert farm.bus_stats()["timeouts"] <= LATE


def test_modbus_tcp_that_is_torn_by_a_heartbeat_yields_no_value(farm, port):
    """There is no check sum: two bytes of the heartbeat would be taken for the register."""
    torn = [True]

    def wrap(said):
        return [said[:9] + BEAT + said[9:]] if torn[0] else [said]

    farm.profile(PROFILE)
    farm.start(bus(port, type="tcp", heartbeat="ping", response="300ms"))
    listening(farm)
    unit = dtu(farm, port, Registers({0: 0x1234}), tcp=True, wrap=wrap).dial()
    assert unit.closed.wait(120)  # nobody can know where the next frame begins
    torn[0] = False
    unit.dial()
    farm.wait(5)
    assert {value for value in farm.values("level") if isinstance(value, int)} == {0x1234}


@pytest.mark.parametrize("tcp", [False, True], ids=["rtu-over-tcp", "tcp"])
def test_values_that_look_like_heartbeats_are_values(farm, port, tcp):
    registers = Registers({0: 0x7069, 1: 0x6E67})  # "ping"
    farm.profile("fields:\n  - { metric: level, register: 0, type: u32 }\n"
                 "  - { metric: flow, register: 2 }\n")
    registers.values[2] = 0
    farm.start(bus(port, heartbeat=["ping", "hex:00"], type="tcp" if tcp else "rtu-over-tcp"))
    listening(farm)
    dtu(farm, port, registers, tcp=tcp, beat=b"\0").dial()
    farm.wait(8)
    assert set(farm.values("level")) == {0x70696E67}
    assert set(farm.values("flow")) == {0}


def test_a_new_connection_takes_over_from_one_that_is_half_open(farm, port):
    """A unit that lost its network connects anew, and nobody ends the old connection."""
    farm.profile(PROFILE)
    farm.start(bus(port))
    listening(farm)
    old = dtu(farm, port, Registers({0: 1})).dial()
    farm.wait(3)
    old.device = lambda unit, pdu: b""
    begun = time.monotonic()
    new = dtu(farm, port, Registers({0: 2})).dial()
    wait_until(lambda: 2 in farm.values("level"), 10, "the new one is asked")
    assert time.monotonic() - begun < 25  # after 30 s without an answer the old one is given up anyway
    assert old.closed.wait(120)
    before = len(farm.readings())
    farm.wait(before + 5)
    assert not new.closed.is_set()
    assert farm.bus_stats()["state"] == "up"


def test_two_converters_with_one_registration_are_told(farm, port):
    """Each pushes the other out: values of two places stand under one name."""
    farm.profile(PROFILE)
    farm.start(bus(port))
    listening(farm)
    twins = [dtu(farm, port, Registers({0: 1})), dtu(farm, port, Registers({0: 2}))]
    for _ in range(3):
        for i, twin in enumerate(twins):
            before = farm.values("level").count(i + 1)
            twin.dial()
            wait_until(lambda: farm.values("level").count(i + 1) > before, 20, "it is asked")
    wait_until(lambda: "two with one registration" in farm.bus_stats()["hint"], 10, "a hint says so")
    farm.wait_log("bus hill: its converter dials in again and again")


def test_away_and_back_are_shown(farm, port):
    farm.profile(PROFILE)
    farm.start(bus(port))
    listening(farm)
    farm.wait_log("bus hill: its converter is away")
    wait_until(lambda: farm.bus_stats()["state"] == "away", 10, "it is away")
    wait_until(lambda: "has not dialled in" in farm.bus_stats()["hint"], 10, "a hint says so")
    wait_until(lambda: "has not dialled in" in farm.baiye("devices"), 20, "devices says so")
    unit = dtu(farm, port, Registers({0: 5})).dial()
    farm.wait_log("bus hill: its converter has dialled in, from 127.0.0.1")
    farm.wait(3)
    wait_until(lambda: farm.bus_stats()["state"] == "up", 5, "it is up")
    wait_until(lambda: "has not dialled in" not in farm.baiye("devices"), 15, "it is back")
    unit.hang_up()
    wait_until(lambda: farm.bus_stats()["state"] == "away", 5, "it is away again")


def test_strangers_are_refused_counted_and_logged_a_few_times(farm, port):
    farm.profile(PROFILE)
    farm.start(bus(port))
    listening(farm)
    for number in range(12):
        refused(farm, port, b"4G-01%02d" % number)
    refused(farm, port, b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x01")
    listened = farm.stats()["listen"]
    assert (listened["accepted"], listened["unknown"], listened["registered"]) == (13, 13, 0)
    lines = [line for line in farm.log().splitlines() if "refuses registration" in line]
    assert 1 <= len(lines) <= 6
    assert 'refuses registration "4G-0100" from 127.0.0.1: no bus has it' in lines[0]


def test_only_from_where_it_is_allowed(farm, port):
    farm.profile(PROFILE)
    farm.start(bus(port, **{"from": ["10.64.0.0/16", "127.0.0.2"]}))
    listening(farm)
    refused(farm, port, b"4G-0017")
    assert farm.stats()["listen"]["elsewhere"] == 1
    unit = Dtu(port, Registers({0: 5}))
    unit.connection = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
    farm.devices.append(unit)
    unit.say(unit.registration)
    threading.Thread(target=unit.serve, args=(unit.connection,), daemon=True).start()
    farm.wait(3)


def test_who_says_nothing_keeps_no_converter_out(farm, port):
    farm.profile(PROFILE)
    farm.start(bus(port))
    listening(farm)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    dtu(farm, port, Registers({0: 5})).dial()
    farm.wait(3)
    listened = farm.stats()["listen"]
    assert listened["evicted"] >= 80 and listened["waiting"] <= 16
    for connection in silent:
        connection.close()


def test_a_dead_unit_behind_modbus_tcp_costs_the_others_no_connection(farm, port):
    """To dial in anew takes a mobile unit half a minute."""
    registers = Registers({0: 7}, special=lambda unit, pdu: b"" if unit == 2 else None)
    farm.profile(PROFILE)
    farm.start(bus(port, device("probe", address=1), device("dead", address=2), type="tcp",
                   response="200ms"))
    listening(farm)
    unit = dtu(farm, port, registers, tcp=True).dial()
    wait_until(lambda: len(registers.reads(unit=2)) >= 3, 20, "the dead one is asked")
    farm.wait(8)
    assert not unit.closed.is_set() and farm.bus_stats()["reopened"] == 1


def test_a_reload_lets_it_dial_in_again(farm, port):
    farm.profile(PROFILE)
    gateway = farm.start(bus(port))
    listening(farm)
    unit = dtu(farm, port, Registers({0: 5})).dial()
    farm.wait(3)
    gateway.reload() if hasattr(gateway, "reload") else farm.baiye("reload")
    assert unit.closed.wait(120)
    wait_until(lambda: connects(unit), 20, "it listens again")
    before = len(farm.readings())
    farm.wait(before + 3)


def connects(unit):
    with contextlib.suppress(OSError):
        unit.dial()
        return True
    return False


WRONG = {
    "both": ({"port": "127.0.0.1:502"}, "has port and listen"),
    "serial": ({"type": "rtu"}, "write type: rtu-over-tcp"),
    "no port": ({"listen": "0.0.0.0"}, "write for example listen: 0.0.0.0:8899"),
    "name": ({"listen": "farm:8899"}, "is not an own address and a port"),
    "anybody": ({"registration": None}, "would take any connection"),
    "hex": ({"registration": "hex:A"}, "is not 1 to 64 bytes"),
    "long": ({"registration": "x" * 65}, "is not 1 to 64 bytes"),
    "open beat": ({"heartbeat": "ping*"}, "without the star"),
    "network": ({"from": "10.0.0.0/33"}, "is no network"),
    "close": ({"close": "after poll"}, "only its converter can connect again"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_configuration_that_cannot_work_is_refused(farm, name):
    more, says = WRONG[name]
    farm.profile(PROFILE)
    written = {key: value for key, value in (bus(8899) | more).items() if value is not None}
    assert says in farm.check(written, code=78)


def test_buses_of_one_port_are_told_apart_or_refused(farm):
    farm.profile(PROFILE)
    one, other = bus(8899), bus(8899, device("other"), name="lake", registration="4G-0018")
    assert "known by 7 bytes" in farm.check(one, other)
    said = farm.check(one, other | {"registration": "4G-0017"}, code=78)
    assert 'buses "hill" (line 1) and "lake" have the same registration' in said
    without = {key: value for key, value in other.items() if key != "registration"}
    said = farm.check(one, without | {"from": "10.0.0.0/8"}, code=78)
    assert "no registration to tell its converter by" in said
    assert "overlap" in farm.check(one, other | {"listen": "0.0.0.0:8899"}, code=78)
    said = farm.check({"name": "east", "type": "tcp", "port": "127.0.0.1", "heartbeat": "x",
                       "devices": [device()]}, code=78)
    assert "does not listen" in said
