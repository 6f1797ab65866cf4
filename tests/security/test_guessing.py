# SPDX-License-Identifier: Apache-2.0
"""Passwords are guessed slowly, whichever way; it is seen; and nobody else pays for it."""
import base64
import concurrent.futures
import http.client
import json
import socket
import time

from test_control import Control
from test_http import broker, folder, gateway  # noqa: F401
from webclient import MqttStream, WebSocket, request


class Caller:
    """Asks for a page, again and again over one connection, from an address of this machine."""

    def __init__(self, address, port):
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.settimeout(30)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.connection.sock = sock

    def status(self, user, password):
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.connection.request("GET", "/ready", headers={"Authorization": f"Basic {token}",
                                                          "Host": "localhost"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def close(self):
        self.connection.close()


def from_address(address, port, user, password):
    caller = Caller(address, port)
    status = caller.status(user, password)
    caller.close()
    return status


def app_login(port, user, password, name="guess", version=5):
    ws = WebSocket(port)
    assert ws.status == 101
    code = MqttStream(ws).login(user, password, name, version)
    ws.close()
    return code


def test_guessing_over_the_bridge_is_slow(gateway):  # noqa: F811
    began = time.monotonic()
    codes = [app_login(gateway.port, "li", f"guess-{i}") for i in range(60)]
    looked_at = sum(code in (0x86, 0x87) for code in codes)
    took = time.monotonic() - began
    # Five at once, then after 1, 2, 4… s.
    assert 5 <= looked_at <= 7 + took
    assert codes.count(0x97) == 60 - looked_at > 0
    # The owner is kept out neither from elsewhere nor as another user.
    assert from_address("127.0.0.2", gateway.port, "li", "tea-1") == 200
    assert app_login(gateway.port, "wang", "tea-2", "wang") == 0


def test_an_old_client_is_told_too(gateway):  # noqa: F811
    codes = {app_login(gateway.port, "li", f"guess-{i}", version=4) for i in range(12)}
    assert codes <= {4, 5, 3} and 3 in codes


def test_guessing_over_http_is_slow_also_many_at_once(gateway):  # noqa: F811
    def guess(i):
        caller = Caller("127.0.0.3", gateway.port)
        statuses = [caller.status("li", f"guess-{i}-{j}") for j in range(6)]
        caller.close()
        return statuses
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = sum(pool.map(guess, range(20)), [])
    took = time.monotonic() - began
    assert statuses.count(401) <= 5 + 4 + took  # four are looked at at once
    assert set(statuses) <= {401, 429, 503} and 429 in statuses
    assert from_address("127.0.0.2", gateway.port, "li", "tea-1") == 200


def test_both_ways_are_one(gateway):  # noqa: F811
    statuses = []
    while 429 not in statuses and len(statuses) < 20:
        statuses.append(request(gateway.port, "/ready", user="li", password="guess").status)
    assert statuses[-1] == 429
    # By itself it would have five guesses; and each one that comes when a wait has just ended makes the next
    # wait twice as long.
    codes = [app_login(gateway.port, "li", "guess-7")]
    while codes[-1] != 0x97 and len(codes) < 5:
        codes.append(app_login(gateway.port, "li", "guess-7"))
    assert codes[-1] == 0x97, codes


def test_guessers_take_no_place_from_right_logins(gateway):  # noqa: F811
    """Eight of them at once made right logins 503."""
    callers = [Caller(f"127.0.1.{i // 2 + 1}", gateway.port) for i in range(16)]

    def guess(caller):
        for i in range(100):
            caller.status("wang", f"guess-{i}")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        guesses = [pool.submit(guess, caller) for caller in callers]
        statuses = [from_address(f"127.0.2.{i + 1}", gateway.port, "li", "tea-1")
                    for i in range(30)]
        for done in guesses:
            done.result()
    for caller in callers:
        caller.close()
    assert statuses == [200] * 30


def test_wrong_logins_are_in_audit_log_and_metrics(gateway, folder):  # noqa: F811
    for i in range(3):
        assert request(gateway.port, "/ready", user="li", password="wrong").status == 401
    assert app_login(gateway.port, "my-password-in-the-wrong-field", "x") in (0x86, 0x87)
    control = Control(folder)
    rows = [row for row in control.call("audits", limit=20)["result"]["audits"]
            if row["method"] == "login"]
    assert len(rows) == 4
    assert {row["via"] for row in rows} == {"http", "app"}
    assert all("127.0.0.1" in row["detail"] and "wrong password" in row["result"] for row in rows)
    assert "my-password" not in json.dumps(rows) + gateway.log_path.read_text()
    assert control.call("stats")["result"]["http"]["wrong_logins"] == 4
    control.close()
    page = request(gateway.port, "/metrics", user="li", password="tea-1")
    assert b"baiye_http_wrong_logins_total 4" in page.body
    assert "wrong password" in gateway.log_path.read_text()


def test_a_flood_of_wrong_logins_does_not_flood_log_and_audit(gateway, folder):  # noqa: F811
    def guess(address):
        caller = Caller(f"127.0.3.{address}", gateway.port)
        statuses = [caller.status("li", f"guess-{i}") for i in range(4)]
        caller.close()
        return statuses

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = sum(pool.map(guess, range(1, 17)), [])
    assert statuses.count(401) > 30
    control = Control(folder)
    rows = control.call("audits", limit=64)["result"]["audits"]
    assert sum(row["method"] == "login" for row in rows) <= 20
    control.close()
    assert gateway.log_path.read_text().count("wrong password") <= 8


def test_strangers_that_do_not_take_their_close_keep_no_phone_out(gateway):  # noqa: F811
    strangers = [WebSocket(gateway.port) for _ in range(200)]
    assert sum(ws.status == 101 for ws in strangers) >= 64
    phone = WebSocket(gateway.port)
    assert phone.status == 101 and MqttStream(phone).login("li", "tea-1", "phone") == 0
    phone.close()
    for ws in strangers:
        ws.close()
