# SPDX-License-Identifier: Apache-2.0
"""Nobody who is not logged in, and no single user, keeps the others' phones out."""
import select
import socket
import ssl
import threading
import time

import pytest

from garden import FairClock
from test_http import broker, folder, gateway  # noqa: F401
from test_pages import tls  # noqa: F401
from webclient import MqttStream, WebSocket, mqtt_connect, mqtt_packet, request


def test_silent_websockets_keep_no_phone_out(gateway):  # noqa: F811
    for crowd in (16, 40):
        strangers = [WebSocket(gateway.port) for _ in range(crowd)]
        phone = WebSocket(gateway.port)
        assert phone.status == 101
        assert MqttStream(phone).login("li", "tea-1", f"phone-{crowd}") == 0
        phone.close()
        for ws in strangers:
            ws.close()


def test_idle_connections_keep_no_phone_out(gateway):  # noqa: F811
    idle = []
    for _ in range(110):
        try:
            idle.append(socket.create_connection(("127.0.0.1", gateway.port), 2))
        except OSError:
            break
    own_time = FairClock(gateway.process)
    assert request(gateway.port, "/alive").status == 200
    phone = WebSocket(gateway.port)
    assert phone.status == 101 and MqttStream(phone).login("li", "tea-1", "phone") == 0
    assert own_time() < 5
    phone.close()
    for connection in idle:
        connection.close()


def hold(port, said, addresses):
    """A connection from each of the addresses, on which so much was said."""
    held = []
    for address in addresses:
        sock = socket.socket()
        sock.settimeout(60)  # a kernel whose list is full has it ask again, after seconds
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(said)
        held.append(sock)
    return held


def crowd(size):
    return [f"127.0.8.{i + 1}" for i in range(size)]


def phone_comes(gateway, address, context=None):  # noqa: F811
    phone = WebSocket(gateway.port, context=context, address=address)
    assert phone.status == 101 and MqttStream(phone).login("li", "tea-1", "phone") == 0
    phone.close()


@pytest.mark.parametrize("addresses", [["127.0.0.1"] * 150, crowd(150)], ids=["one", "many"])
def test_handshakes_without_end_keep_no_phone_out(tls, addresses):  # noqa: F811
    """150 come at once, faster than those of before them are gone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    half = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 20
    for _ in range(5):
        held = hold(tls.port, half, addresses)
        phone_comes(tls, "127.0.0.1", context)
        for sock in held:
            sock.close()


@pytest.mark.parametrize("said, more", [
    (b"GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500,) * 2,
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a"),
    (b"POST /alive HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n", b"a"),
], ids=["answered", "head", "body"])
def test_requests_without_end_keep_no_phone_out(gateway, said, more):  # noqa: F811
    """Whoever gives up a place leaves, also when he has more to say."""
    held, over = hold(gateway.port, said, crowd(150)), threading.Event()

    def go_on():
        while not over.wait(0.2):
            for sock in held:
                try:
                    sock.setblocking(False)
                    sock.send(more)
                except OSError:
                    pass  # it had to leave, or reads nothing now
    talker = threading.Thread(target=go_on)
    talker.start()
    try:
        for _ in range(10):
            phone_comes(gateway, "127.0.0.1")
    finally:
        over.set()
        talker.join()
        for sock in held:
            sock.close()


def test_one_address_that_never_ceases_to_connect_keeps_no_phone_out(gateway):  # noqa: F811
    over, made = threading.Event(), []

    def flood():
        while not over.is_set():
            try:
                made.append(socket.create_connection(("127.0.0.1", gateway.port), 2))
            except OSError:
                pass
            if len(made) > 400:
                made.pop(0).close()
    flooders = [threading.Thread(target=flood) for _ in range(2)]
    for flooder in flooders:
        flooder.start()
    try:
        for i in range(10):
            phone_comes(gateway, f"127.0.9.{i + 1}")
    finally:
        over.set()
        for flooder in flooders:
            flooder.join()
        for sock in made:
            sock.close()


def test_one_user_has_four_connections_and_the_newest_ones(gateway):  # noqa: F811
    mine = []
    for i in range(7):
        ws = WebSocket(gateway.port)
        assert ws.status == 101 and MqttStream(ws).login("li", "tea-1", f"li-{i}") == 0
        mine.append(ws)
    for ws in mine[:3]:
        assert ws.receive() is None and ws.close_code == 1008
    for ws in mine[3:]:
        ws.send(mqtt_packet(0xC0, b""))
        assert MqttStream(ws).packet()[0] == 0xD0
    other = WebSocket(gateway.port)
    assert MqttStream(other).login("wang", "tea-2", "other") == 0
    for ws in mine + [other]:
        ws.close()


def test_slow_readers_keep_nobody_out(gateway, folder):  # noqa: F811
    """They have asked for something large and take it a byte at a time."""
    (folder / "app/big.js").write_bytes(b"x" * 20_000_000)

    def reader(address):
        sock = socket.socket()
        sock.settimeout(60)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", gateway.port))
        sock.sendall(b"GET /big.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(64).startswith(b"HTTP/1.1 200")
        return sock

    patient = reader("127.0.7.1")  # one on a bad link, and not one of the crowd
    crowd = [reader("127.0.6.1") for _ in range(150)]
    for _ in range(3):
        assert request(gateway.port, "/alive").status == 200
        phone = WebSocket(gateway.port)
        assert phone.status == 101 and MqttStream(phone).login("li", "tea-1", "phone") == 0
        phone.close()
    taken = 0
    patient.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    while taken < 10_000_000:
        more = patient.recv(1 << 20)
        assert more, "it was cut off"
        taken += len(more)
    for sock in [patient, *crowd]:
        sock.close()


def answers(ws):
    ws.send(mqtt_packet(0xC0, b""))
    return MqttStream(ws).packet()[0] == 0xD0


def test_a_familys_phones_on_one_login_do_not_drive_each_other_out(gateway):  # noqa: F811
    phones = []
    for i in range(9):
        ws = WebSocket(gateway.port, address=f"127.0.4.{i + 1}")
        assert MqttStream(ws).login("li", "tea-1", f"phone-{i}") == 0
        phones.append(ws)
    assert all(answers(ws) for ws in phones)
    for ws in phones:
        ws.close()


def test_one_login_from_many_addresses_leaves_places_for_others(gateway):  # noqa: F811
    crowd = []
    for i in range(70):
        ws = WebSocket(gateway.port, address=f"127.0.5.{i + 1}")
        assert ws.status == 101 and MqttStream(ws).login("li", "tea-1", f"li-{i}") == 0
        crowd.append(ws)
    other = WebSocket(gateway.port)
    assert MqttStream(other).login("wang", "tea-2", "other") == 0
    assert answers(other) and answers(crowd[-1])
    for ws in crowd + [other]:
        ws.close()


@pytest.mark.parametrize("connected", [False, True], ids=["stranger", "user"])
def test_a_flood_of_pings_is_not_read_on(gateway, connected):  # noqa: F811
    """The flooder's own connection stalls, by whole seconds; nobody else's does."""
    ws = WebSocket(gateway.port, address="127.0.4.1")
    if connected:
        assert MqttStream(ws).login("li", "tea-1", "flood") == 0
    phone = WebSocket(gateway.port)
    assert MqttStream(phone).login("wang", "tea-2", "phone") == 0
    pings = b"\x89\x80\0\0\0\0" * 10000
    ws.sock.setblocking(False)
    sent, longest, since, end = 0, 0, time.monotonic(), time.monotonic() + 15
    while longest < 0.8 and time.monotonic() < end:
        try:
            sent += ws.sock.send(pings[sent % 6:])
            since = time.monotonic()
        except BlockingIOError:
            select.select([], [ws.sock], [], 0.1)
        except OSError:
            break  # a stranger's time is over
        try:
            while ws.sock.recv(65536):
                pass  # its pongs
        except OSError:
            pass
        longest = max(longest, time.monotonic() - since)
    assert longest >= 0.8
    assert answers(phone)
    phone.close()


@pytest.mark.parametrize("first", [
    b"\x10\xff\xff\xff\x7f" + b"x" * 100,          # announces 256 MB
    b"\x10\x81\x20" + b"x" * 100,                  # 4097 bytes
    b"\x10\xff\xff\xff\xff\x7f",                   # a length of five bytes
    b"\x30\x05\x00\x01ahi",                        # a PUBLISH
    b"\xc0\x00",                                   # a PINGREQ
    b"\x10\x06\x00\x04MQIs",                       # an old protocol
    b"\x10\x0e\x00\x04MQTT\x04\x82\x00\x3c\x00\xffab",  # contradicts itself
], ids=["huge", "large", "endless", "publish", "ping", "old", "torn"])
def test_what_is_no_connect_never_reaches_the_broker(gateway, first):  # noqa: F811
    ws = WebSocket(gateway.port)
    assert ws.status == 101
    ws.send(first)
    assert ws.receive() is None and ws.close_code == 1002
    ws.close()


def test_a_connect_may_come_in_pieces(gateway):  # noqa: F811
    ws = WebSocket(gateway.port)
    for byte in mqtt_connect("li", "tea-1", "pieces"):
        ws.send(bytes([byte]))
    assert MqttStream(ws).packet()[0] == 0x20
    ws.close()
