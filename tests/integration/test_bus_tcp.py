# SPDX-License-Identifier: Apache-2.0
"""Modbus TCP and RTU over TCP against gateways that hang up, talk nonsense, or say nothing."""
import contextlib
import ctypes
import socket
import struct
import threading
import time

import pytest
import yaml

from bench import crc16
from garden import ROOT, FairClock, wait_until
from test_bus_line import Polls

REGISTERS = [657, 65435]  # 65.7 %, -10.1 °C


@pytest.fixture(autouse=True)
def _built(needs):
    needs("bus_poll")


class Server:
    """One thread a connection. `behave(server, unit, answer)` says what is sent for a request to a
    unit: bytes, or None to hang up. `answer` is what would be right, as it goes on the wire."""

    fixed = False  # it always answers the same registers, whatever it is asked for

    def __init__(self, rtu, behave):
        self.rtu, self.behave = rtu, behave
        self.opened, self.lock = [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                with self.lock:
                    self.opened.append(time.monotonic())
                    self.connections.append(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            while True:
                request = connection.recv(260)
                if not request:
                    return
                unit = request[0] if self.rtu else request[6]
                _, first, count = struct.unpack(">BHH", request[1:6] if self.rtu else request[7:12])
                values = [(first + i < 2 and REGISTERS[first + i]) or 0 for i in range(count)]
                if self.fixed:
                    values = REGISTERS
                pdu = bytes([3, 2 * len(values)]) + struct.pack(f">{len(values)}H", *values)
                frame = bytes([unit]) + pdu
                frame = frame + crc16(frame) if self.rtu else request[:4] + struct.pack(
                    ">H", len(frame)) + frame
                said = self.behave(self, unit, frame)
                if said is None:
                    return
                connection.sendall(said)

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()


SO_ATTACH_FILTER = 26


def vanish(connection):
    """The other end is gone without a word, as after a power cut: a filter on its socket drops all
    that comes, so that nothing is acknowledged, no keepalive answered and nothing refused."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                          struct.pack("@HP", 1, ctypes.addressof(drop)))


@pytest.fixture
def serve():
    servers = []

    def start(rtu, behave):
        servers.append(Server(rtu, behave))
        return servers[-1]
    yield start
    for server in servers:
        server.close()


def patient(site, response_max="10s"):
    """For servers that are to lose no poll: a busy machine runs them late. More of Polls."""
    shipped = yaml.safe_load((ROOT / "gateway/profiles/rs-ws-n01-tr.yaml").read_text())
    shipped["limits"]["response_max"] = response_max
    folder = site.folder / "patient"
    folder.mkdir()
    (folder / "patient.yaml").write_text(yaml.safe_dump(shipped))
    return {"profiles": str(folder)}


def polls_of(site, server, kind, units, every="200ms", profile="rs-ws-n01-tr", rate=None, **more):
    return Polls(site, [{"name": "net", "type": kind, "port": f"127.0.0.1:{server.port}", **(rate or {}),
                         "devices": [{"name": f"u{unit}", "profile": profile,
                                      "address": unit, "every": every} for unit in units]}], **more)


@pytest.mark.parametrize("kind", ["tcp", "rtu-over-tcp"])
def test_a_unit_that_makes_the_gateway_hang_up_costs_only_itself(site, serve, kind):
    server = serve(kind != "tcp", lambda _, unit, answer: None if unit == 2 else answer)
    polls = polls_of(site, server, kind, (1, 2, 3))
    polls.wait_for("u1", 30, 30)
    polls.wait_for("u3", 30, 10)
    wait_until(lambda: polls.gaps("u2") and "device u2" in polls.log(), 10, "it is told")
    assert not polls.readings("u2")


@pytest.mark.parametrize("kind", ["tcp", "rtu-over-tcp"])
def test_connections_that_are_good_for_nothing_become_few(site, serve, kind):
    server = serve(kind != "tcp", lambda *_: None)
    polls = polls_of(site, server, kind, (1, 2))
    own_time = FairClock(polls)
    wait_until(lambda: len(server.opened) >= 10, 20, "it tries on")
    assert own_time() < 20
    # Never more than one a second in the end; the server may see one late, and the next one in time.
    last = server.opened[3:10]
    assert (last[-1] - last[0]) / (len(last) - 1) > 0.8
    server.behave = lambda _, unit, answer: answer
    polls.wait_for("u1", 2, 15)
    polls.wait_for("u2", 2, 15)


def test_nonsense_closes_the_connection_and_the_next_one_is_good(site, serve):
    def behave(server, unit, answer):
        if len(server.opened) == 1:
            return answer[:2] + b"\x00\x07" + answer[4:]  # not Modbus: protocol 7
        if len(server.opened) == 2:
            return struct.pack(">H", 999) + answer[2:]  # another request's answer
        return answer
    server = serve(False, behave)
    polls = polls_of(site, server, "tcp", (1, 2))
    for name in ("u1", "u2"):
        for reading in polls.wait_for(name, 5, 15):
            assert reading["values"] == pytest.approx(
                {"soil_moisture": 65.7, "soil_temperature": -10.1})
    assert len(server.opened) >= 3  # and more, where the server itself is late


def test_rtu_over_tcp_finds_the_answer_after_noise(site, serve):
    """Bytes are lost, or come from nowhere: the next answer is found, on the same connection."""
    count = 0

    def behave(_, unit, answer):
        nonlocal count
        count += 1
        return {3: b"\xff\x00" + answer, 5: answer[:-3], 7: answer[1:], 9: answer + b"\x01"}.get(
            count, answer)
    server = serve(True, behave)
    # At this rate one that comes in time is not taken for an earlier one's, where all before were late.
    polls = polls_of(site, server, "rtu-over-tcp", (1, 2), every="500ms", profile="patient", rate={"baud": 2400},
                     **patient(site, "3s"))
    for name in ("u1", "u2"):
        for reading in polls.wait_for(name, 12, 20):
            assert reading["values"] == pytest.approx(
                {"soil_moisture": 65.7, "soil_temperature": -10.1})
        assert not polls.gaps(name)
    assert len(server.opened) == 1


def test_a_device_with_one_answer_for_everything_is_soon_read_again(site, serve):
    """It gives its two registers to a question for one, too: what it owes can't be learned so."""
    count = 0

    def behave(_, unit, answer):
        nonlocal count
        count += unit == 1
        return b"" if unit == 1 and count in (6, 30) else answer
    server = serve(True, behave)
    server.fixed = True
    polls = polls_of(site, server, "rtu-over-tcp", (1, 2))
    for reading in polls.wait_for("u1", 40, 30):
        assert reading["values"] == pytest.approx(
            {"soil_moisture": 65.7, "soil_temperature": -10.1})
    assert sum(last - first + 1 for first, last in (g["gap"] for g in polls.gaps("u1"))) <= 25


@pytest.mark.parametrize("kind", ["tcp", "rtu-over-tcp"])
def test_a_silent_connection_is_found_dead(site, serve, kind):
    """The other end is still there for TCP, but its program hangs. A new connection is answered:
    on Modbus TCP, where each request stands alone, that is found out at once."""
    def behave(server, unit, answer):
        return answer if kind == "rtu-over-tcp" or len(server.opened) > 1 else b""
    server = serve(kind != "tcp", behave)
    polls = polls_of(site, server, kind, (1,))
    polls.wait_for("u1", 3, 10)
    assert len(server.opened) >= 2 if kind == "tcp" else len(server.opened) == 1


def test_a_peer_that_vanishes_is_found_and_connected_anew(site, serve):
    """No FIN, no RST, no ACK. On Modbus TCP the first answer that is missing ends the connection;
    where a silent unit says nothing about it, TCP's user timeout (10 s) does, and on a connection
    that is hardly used keepalive (20 s + 3 * 5 s)."""
    def behave(server, unit, answer):
        answered[server] += 1
        if vanish_after[server] is not None and answered[server] >= vanish_after[server]:
            vanish_after[server] = None
            vanishes(server)
            return b""
        return answer

    def vanishes(server):
        """The connection that is used: on a busy machine it need not be the first one."""
        vanish(server.connections[-1])
        before[server], gone[server] = len(server.opened), time.monotonic()

    kinds = {"tcp": ("tcp", "200ms", 5), "rtu": ("rtu-over-tcp", "200ms", 5),
             "idle": ("rtu-over-tcp", "1h", None)}
    answered, vanish_after, before, gone, buses, servers = {}, {}, {}, {}, [], {}
    for name, (kind, every, after) in kinds.items():
        server = servers[name] = serve(kind != "tcp", behave)
        answered[server], vanish_after[server] = 0, after
        buses.append({"name": name, "type": kind, "port": f"127.0.0.1:{server.port}", "devices": [
            {"name": f"{name}-{unit}", "profile": "rs-ws-n01-tr", "address": unit, "every": every}
            for unit in (1, 2)]})
    polls = Polls(site, buses, 600)
    idle = servers["idle"]
    wait_until(lambda: answered[idle] >= 2, 20, "the idle ones were polled")
    vanishes(idle)
    for name, within in (("tcp", 8), ("rtu", 25), ("idle", 60)):
        server = servers[name]
        wait_until(lambda server=server: server in gone and len(server.opened) > before[server], 60,
                   f"{name} is connected anew")
        assert server.opened[before[server]] - gone[server] < within, name
    for name in ("tcp", "rtu"):
        had = len(polls.readings(f"{name}-1"))
        polls.wait_for(f"{name}-1", had + 3, 20)
        polls.wait_for(f"{name}-2", 3, 20)
