# SPDX-License-Identifier: Apache-2.0
"""The control socket: one JSON object a line, for whoever may open it."""
import json
import os
import pathlib
import socket
import stat

import pytest

from test_http import Broker, Gateway, broker, folder, gateway, wait_for  # noqa: F401 (fixtures)


class Control:
    def __init__(self, folder):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(folder / "control.sock"))
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n")

    def receive(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the gateway hung up")
        return json.loads(line)

    def call(self, method, ident=1, **params):
        self.send({"id": ident, "method": method, "params": params})
        return self.receive()

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def control(gateway, folder):  # noqa: F811
    control = Control(folder)
    yield control
    control.close()


def test_the_socket_is_for_its_group_only(gateway, folder):  # noqa: F811
    info = os.stat(folder / "control.sock")
    assert stat.S_ISSOCK(info.st_mode) and stat.S_IMODE(info.st_mode) == 0o660


def test_methods_are_answered_with_the_same_id(control):
    answer = control.call("time", ident="a-7")
    assert answer["id"] == "a-7" and answer["result"]["ts"] == 1795293274123
    assert control.call("devices", ident=2)["result"]["devices"][0]["name"] == "plot-1"
    assert control.call("stats")["result"]["store"]["taken"] == 12
    assert control.call("pause", bus="east", seconds=5)["result"]["ok"] is True
    assert control.call("raw", bus="east", unit=1, pdu="0300000001")["result"]["pdu"] == "03020000"
    assert control.call("levitate")["error"]["code"] == "unknown-method"
    assert control.call("raw", bus="west", unit=1, pdu="03")["error"]["code"] == "unknown"


def test_everything_that_changes_something_is_in_the_audit_table(control):
    control.call("pause", bus="east", seconds=5)
    rows = control.call("audits", limit=10)["result"]["audits"]
    assert rows[0]["method"] == "pause" and rows[0]["result"] == "ok"
    assert rows[0]["user"] == f"uid-{os.getuid()}" and rows[0]["via"] == "socket"
    assert json.loads(rows[0]["detail"]) == {"bus": "east", "seconds": 5}


def test_a_scan_reports_progress_under_its_id(control):
    control.send({"id": 9, "method": "scan", "params": {"bus": "east", "from": 1, "to": 4}})
    lines = [control.receive() for _ in range(5)]
    assert all(line["id"] == 9 for line in lines)
    assert [line["progress"]["unit"] for line in lines[:4]] == [1, 2, 3, 4]
    assert lines[4]["result"] == {"found": [1, 2]}


def test_many_requests_in_one_packet_are_all_answered(control):
    control.send(b"".join(json.dumps({"id": i, "method": "time"}).encode() + b"\n"
                          for i in range(500)))
    assert sorted(control.receive()["id"] for _ in range(500)) == list(range(500))


@pytest.mark.parametrize("line", [b"hello\n", b"[]\n", b"{}\n", b"{\"method\":7}\n", b"\xff\xfe\n",
                                  b"{\"method\":\"time\",\"params\":[]}\n", b"{\"id\":1,\n",
                                  b"[" * 5000 + b"\n"])
def test_nonsense_is_answered_with_an_error(control, line):
    control.send(line)
    assert control.receive()["error"]["code"] == "invalid"
    assert "result" in control.call("time")


def test_an_endless_line_ends_the_connection(control, gateway, folder):  # noqa: F811
    try:
        control.send(b"x" * 300000)
        assert control.receive()["error"]["code"] == "invalid"
        with pytest.raises(EOFError):
            control.receive()
    except (ConnectionError, BrokenPipeError):
        pass
    again = Control(folder)
    assert "result" in again.call("time")
    again.close()


def test_a_client_that_reads_nothing_is_cut_off(control, gateway, folder):  # noqa: F811
    request = json.dumps({"id": 1, "method": "history", "params": {
        "device": "plot-1", "metric": "air_temperature", "from": 0, "to": 10**12}}).encode() + b"\n"
    with pytest.raises(OSError):
        for _ in range(100000):
            control.send(request)
    again = Control(folder)
    assert "result" in again.call("time")
    again.close()


def test_too_many_clients_are_turned_away_and_places_come_back(control, folder):
    more = [Control(folder) for _ in range(15)]
    assert all("result" in client.call("time") for client in more)
    late = Control(folder)
    with pytest.raises((EOFError, ConnectionError)):
        late.call("time")
    late.close()
    more.pop().close()

    def again():
        client = Control(folder)
        try:
            return "result" in client.call("time")
        except EOFError:
            return False
        finally:
            client.close()
    wait_for(again, "a free place")
    for client in more:
        client.close()


def test_a_client_that_leaves_during_a_scan_disturbs_nobody(control, folder):
    control.send({"id": 1, "method": "scan", "params": {"bus": "east"}})
    control.receive()
    control.close()
    again = Control(folder)
    assert "result" in again.call("time")
    again.close()
    control.file = control.sock = open(os.devnull, "rb")


def test_a_left_over_socket_file_is_replaced(folder, broker):  # noqa: F811
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(folder / "control.sock"))
    left_over.close()
    gateway = Gateway(folder, broker.port)
    try:
        gateway.ready()
        control = Control(folder)
        assert "result" in control.call("time")
        control.close()
    finally:
        gateway.stop()
    assert not pathlib.Path(folder / "control.sock").exists()
