# SPDX-License-Identifier: Apache-2.0
"""Simulated Modbus TCP and RTU-over-TCP lines as an independent client sees them."""
import socket
import struct
import time

import pytest

LINES = [
    {"name": "net", "type": "tcp", "units": [
        {"kind": "responder", "address": 1, "count": 250, "registers": 10}]},
    {"name": "radio", "type": "rtu-over-tcp", "baud": 19200, "units": [
        {"kind": "rs-ws-n01-tr", "address": 3, "name": "soil"}]}]


@pytest.fixture
def field(site, needs):
    needs("baiye-field")
    return site.start_field(LINES)


class Client:
    def __init__(self, field, line):
        host, port = field.port(line).split(":")
        self.socket = socket.create_connection((host, int(port)), 60)
        self.transaction = 0

    def send(self, unit, pdu):
        self.transaction += 1
        self.socket.sendall(struct.pack(">HHHB", self.transaction, 0, len(pdu) + 1, unit) + pdu)

    def receive(self):
        header = self.socket.recv(7, socket.MSG_WAITALL)
        transaction, protocol, length, unit = struct.unpack(">HHHB", header)
        assert protocol == 0
        return transaction, unit, self.socket.recv(length - 1, socket.MSG_WAITALL)

    def read(self, unit, first=0, count=10):
        self.send(unit, struct.pack(">BHH", 3, first, count))
        transaction, answered, pdu = self.receive()
        assert (transaction, answered) == (self.transaction, unit)
        return pdu

    def close(self):
        self.socket.close()


@pytest.fixture
def client(field):
    made = Client(field, "net")
    yield made
    made.close()


def value(unit, register, answer):
    return (31 * answer + 257 * register + 4099 * unit) & 0x7FFF


def test_every_unit_answers_its_own_values(client):
    for unit in range(1, 251):
        pdu = client.read(unit)
        assert pdu == bytes([3, 20]) + struct.pack(">10H", *(value(unit, r, 0) for r in range(10)))
    assert client.read(7)[2:4] == struct.pack(">H", value(7, 0, 1))


def test_a_unit_that_is_not_there_is_named_by_exception_11(client):
    assert client.read(251) == bytes([0x83, 0x0B])


def test_requests_in_one_segment_are_all_answered(client):
    for unit in (1, 2, 3):
        client.send(unit, struct.pack(">BHH", 3, 0, 1))
    assert [client.receive()[:2] for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]


def test_a_request_in_pieces_is_answered_once_whole(client):
    request = struct.pack(">HHHBBHH", 9, 0, 6, 5, 3, 0, 2)
    client.socket.sendall(request[:5])
    client.socket.settimeout(0.1)
    with pytest.raises(socket.timeout):
        client.socket.recv(1)
    client.socket.settimeout(60)
    client.socket.sendall(request[5:])
    assert client.receive()[:2] == (9, 5)


def test_an_impossible_length_ends_the_connection(client):
    client.socket.sendall(struct.pack(">HHHBB", 1, 0, 5000, 1, 3))
    assert client.socket.recv(1) == b""


def test_a_dead_unit_keeps_the_connection(client, field):
    field.control("fault", line="net", unit=5, kind="dead")
    client.send(5, struct.pack(">BHH", 3, 0, 1))
    assert client.read(6)[:2] == bytes([3, 20])


def test_a_late_answer_comes_after_the_next(client, field):
    field.control("fault", line="net", unit=5, kind="late", ms=100)
    start = time.monotonic()
    client.socket.sendall(b"".join(struct.pack(">HHHBBHH", unit, 0, 6, unit, 3, 0, 1) for unit in (5, 6)))
    assert client.receive()[1] == 6
    assert client.receive()[1] == 5
    assert time.monotonic() - start >= 0.1


def test_a_truncated_answer_ends_in_a_reset(client, field):
    field.control("fault", line="net", unit=5, kind="truncate")
    client.send(5, struct.pack(">BHH", 3, 0, 10))
    with pytest.raises(ConnectionResetError):
        while client.socket.recv(100):
            pass


def test_a_server_that_goes_away_comes_back(client, field):
    client.read(1)
    field.control("unplug", line="net")
    with pytest.raises(OSError):
        while client.socket.recv(100):
            pass
        raise OSError("orderly end")
    field.control("replug", line="net")
    again = Client(field, "net")
    assert again.read(1)[:2] == bytes([3, 20])
    again.close()


def test_rtu_over_tcp_takes_the_time_of_the_wire(field):
    host, port = field.port("radio").split(":")
    with socket.create_connection((host, int(port)), 60) as master:
        start = time.monotonic()
        master.sendall(bytes([3, 3, 0, 0, 0, 2, 0xC5, 0xE9]))
        answer = master.recv(9, socket.MSG_WAITALL)
        assert len(answer) == 9 and answer[:3] == bytes([3, 3, 4])
        assert time.monotonic() - start >= (8 + 3.5 + 9) * 10 / 19200
    given = [entry for entry in field.ledger() if entry["line"] == "radio"]
    assert [entry["metric"] for entry in given] == ["soil_moisture", "soil_temperature"]
