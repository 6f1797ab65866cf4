# SPDX-License-Identifier: Apache-2.0
"""Raw sockets that keep to no rule of HTTP: each is told so or cut off, and nobody else notices.
Live publishing beside them is watched on a whole gateway."""
import base64
import json
import os
import pathlib
import random
import resource
import socket
import struct
import threading
import time

import pytest
from garden import SLOWEST, FairClock, free_port, wait_until

from test_http import Broker, Gateway, make_app, wait_for
from webclient import MqttStream, WebSocket, connect, mqtt_connect, request

pytestmark = pytest.mark.xdist_group("hostile")  # one gateway for all

LINES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]
UPGRADE = ("GET /mqtt HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One for all: whatever one test did to it, the next finds it well."""
    folder = make_app(tmp_path_factory.mktemp("site"))
    (folder / "app/big.js").write_bytes(b"x" * 20_000_000)
    broker = Broker(folder)
    gateway = Gateway(folder, broker.port)
    yield gateway.ready()
    gateway.stop()
    broker.stop()


def talk(port, data, seconds=60):
    """Everything that comes back until the gateway hangs up, or has nothing more to say."""
    with connect(port, timeout=seconds) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while got := sock.recv(65536):
                heard += got
        except ConnectionResetError:
            pass
        return heard


def status(answer):
    assert answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), answer[:40]
    return int(answer.split()[1])


def cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


# ---- requests -------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_and_said_which_are_not(gateway, method):
    answer = talk(gateway.port, f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert status(answer) == 405 and b"\r\nallow: GET, HEAD\r\n" in answer


@pytest.mark.parametrize("method", ["TRACE", "BREW", "G\0T", "GET" * 40])
def test_methods_that_are_none_get_nothing(gateway, method):
    answer = talk(gateway.port, f"{method} /alive HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert answer == b"" or status(answer) in (400, 403, 405)
    assert request(gateway.port, "/alive").body == b"alive\n"


@pytest.mark.parametrize("first", ["", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
@pytest.mark.parametrize("body, expected", [
    ("Content-Length: 3\r\n\r\na", 413), ("Content-Length: 3\r\n\r\nabcdefg", 413),
    ("Content-Length: -1\r\n\r\n", 413), ("Content-Length: 9999999999999999999999\r\n\r\n", 413),
    ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
    ("Content-Length: 0\r\n\r\n", 200)])
def test_a_body_is_refused_also_behind_another_request(gateway, first, body, expected):
    """libwebsockets 4.1 turns round for ever when one comes in the packet of the request before."""
    for method in ("GET", "HEAD"):
        answer = talk(gateway.port, f"{first}{method} / HTTP/1.1\r\nHost: localhost\r\n{body}"
                      .encode())
        found = [int(line.split()[1]) for line in answer.split(b"\r\n")
                 if line.startswith(b"HTTP/1.")]
        assert found[-1] == expected or (first and found == [200]), found
        assert request(gateway.port, "/alive").body == b"alive\n"


def test_requests_in_one_packet_are_answered_in_order(gateway):
    one = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(gateway.port) as sock:
        sock.sendall(one % b"alive" + one % b"nothing.js" + one % b"alive")
        for expected in (200, 404, 200):
            assert request_head(sock) == expected


def request_head(sock):
    """One answer off the connection, with its body; its status."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while size > 0:
        size -= len(sock.recv(size))
    return int(head.split()[1])


@pytest.mark.parametrize("target", [
    "/%2e%2e/secret", "/%252e%252e/secret", "/..%2fsecret", "/..%5csecret", "/assets/..%252fsecret",
    "/%c0%ae%c0%ae/secret", "/link.txt%00.png", "/link.txt", "/%00", "/.", "/..", "/...", "/%",
    "/%zz", "/%2", "//etc/passwd", "/assets//../../secret", "/;/../secret", "/index.html/../../secret",
    "*", "http://localhost/../secret", "/\xff\xfe", "/" + "../" * 60 + "etc/passwd"])
def test_no_target_leads_outside_the_app(gateway, target):
    answer = talk(gateway.port, b"GET " + target.encode("latin-1") +
                  b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer == b"" or status(answer) in (200, 400, 403, 404)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"root:" not in answer and body != b"no"
    assert body in (b"", b"There is no such page here.\n") or b"doctype" in body or b"html" in body


@pytest.mark.parametrize("query", ["&" * 3000, "device=" * 400, "%" * 500, "device=plot-1%00&from=0&to=1", "\xff=1", "=",
                                   "device[]=plot-1", "device=plot-1&device=plot-2"])
def test_queries_that_make_no_sense_are_refused(gateway, query):
    token = base64.b64encode(b"li:tea-1").decode()
    answer = talk(gateway.port, f"GET /export.csv?{query} HTTP/1.1\r\nHost: localhost\r\n"
                  f"Authorization: Basic {token}\r\n\r\n".encode("latin-1"))
    assert answer == b"" or status(answer) in (400, 403)


@pytest.mark.parametrize("headers", [
    "X: " + "y" * 5000, "X: y\r\n" * 1000, "Authorization: Basic " + "A" * 3000,
    "Cookie: " + "a=b; " * 900, "Host: " + "h" * 4000, "If-None-Match: " + '"x", ' * 700])
def test_headers_beyond_the_bound_are_refused(gateway, headers):
    answer = talk(gateway.port, f"GET /ready HTTP/1.1\r\n{headers}\r\n\r\n".encode())
    assert answer == b"" or status(answer) in (400, 401, 403, 413, 414, 431)
    assert request(gateway.port, "/alive").body == b"alive\n"


# ---- names that lead here -------------------------------------------------------------------

@pytest.mark.parametrize("host, ours", [
    ("127.0.0.1:{}", True), ("localhost:{}", True), ("LOCALHOST", True), ("127.9.9.9", True),
    ("[::1]:{}", True), ("evil.example", False), ("evil.example:{}", False),
    ("127.0.0.1.evil.example", False), ("localhost.evil.example:{}", False), ("10.0.0.7", False),
    ("127.0.0.1@evil.example", False), ("127.0.0.1:x", False), ("localhost:80:80", False),
    ("h" * 200, False)])
def test_only_names_of_this_machine_are_ours_without_tls(gateway, host, ours):
    """A page whose name was made to lead here is of one origin with the gateway, for the browser."""
    host = host.format(gateway.port)
    token = base64.b64encode(b"li:tea-1").decode()
    answer = talk(gateway.port, f"GET /ready HTTP/1.1\r\nHost: {host}\r\n"
                  f"Authorization: Basic {token}\r\n\r\n".encode())
    assert status(answer) == (200 if ours else 403)
    assert ours or json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "host"
    answer = talk(gateway.port, UPGRADE.format(host=host, more=f"Origin: http://{host}\r\n").encode())
    assert status(answer) == (101 if ours else 403)


@pytest.mark.parametrize("origin", [
    "http://evil.example", "https://127.0.0.1.evil.example", "null", "file://", "://",
    "http://127.0.0.1", "http://127.0.0.1:{}.evil.example", "http://li@127.0.0.1:{}",
    "http://127.0.0.1:{}/", "http://127.0.0.1:{} http://evil.example", "http://" + "o" * 300])
def test_a_page_of_another_origin_does_not_get_the_bridge(gateway, origin):
    origin = origin.format(gateway.port)
    answer = talk(gateway.port, UPGRADE.format(host=f"127.0.0.1:{gateway.port}",
                                               more=f"Origin: {origin}\r\n").encode())
    assert status(answer) == 403


# ---- WebSockets -----------------------------------------------------------------------------

@pytest.mark.parametrize("change", [
    ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
    ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: x"),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: " + "A" * 600),
    ("Upgrade: websocket", "Upgrade: WebSocket, h2c"), ("Upgrade: websocket", "Upgrade: mqtt"),
    ("Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: " + "mqtt, " * 300),
    ("Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: ,,,"),
    ("GET /mqtt", "POST /mqtt"), ("GET /mqtt", "GET /mqtt/"), ("GET /mqtt", "GET //mqtt"),
    ("GET /mqtt", "GET /mqtt%00"), ("HTTP/1.1", "HTTP/1.0")], ids=lambda change: change[1][:30])
def test_a_bad_upgrade_opens_nothing(gateway, change):
    asked = UPGRADE.format(host="localhost", more="")
    assert change[0] in asked
    heard = talk(gateway.port, asked.replace(*change, 1).encode() + mqtt_connect("li", "tea-1"))
    # A version that we don't know may be let in and then fails; no MQTT comes out in any case.
    assert b"\x20" not in heard.partition(b"\r\n\r\n")[2][:3]
    assert request(gateway.port, "/alive").body == b"alive\n"


def frame(first, data=b"", mask=b"mask", length=None):
    size = len(data) if length is None else length
    head = bytes([first]) + (bytes([0x80 | size]) if size < 126 else
                             b"\xfe" + struct.pack(">H", size) if size < 65536 else
                             b"\xff" + struct.pack(">Q", size))
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


@pytest.mark.parametrize("frames", [
    frame(0x81, b"text"), frame(0x80, b"x"), frame(0xB2, b"x"), frame(0x83, b"x"), frame(0x8F, b"x"),
    frame(0x09, b"ping in parts"), frame(0x89, b"p" * 126), frame(0x88, b"\x03"),
    frame(0x88, b"\x00\x01x"), frame(0x88, b"\x03\xe8\xff\xfe"), b"\x82\x04abcd",
    frame(0x82, length=1 << 63), frame(0x82, length=1 << 40) + b"x" * 50000,
    frame(0x02, b"a") + frame(0x02, b"b"), frame(0x02) * 3000, frame(0x89, b"x") * 3000,
    frame(0x82, b"\xff" * 4000), frame(0x82, b"\x10\xff\xff\xff\x7f" + b"\0" * 50),
    frame(0x82, mqtt_connect("li", "tea-1"))[:-3], random.Random(7).randbytes(4096)],
    ids=lambda frames: repr(frames[:8]))
def test_frames_that_keep_to_no_rule_end_their_own_connection_only(gateway, frames):
    friend = WebSocket(gateway.port)
    mqtt = MqttStream(friend)
    assert mqtt.login("wang", "tea-2") == 0
    ws = WebSocket(gateway.port)
    assert ws.status == 101
    try:
        ws.sock.sendall(frames)
        ws.sock.shutdown(socket.SHUT_WR)
        ws.sock.settimeout(60)
        while ws.sock.recv(65536):
            pass
    except TimeoutError:
        raise
    except OSError:
        pass  # it hung up before all of it was sent
    ws.close()
    friend.send(b"\xc0\x00")
    assert mqtt.packet()[0] == 0xD0
    friend.close()


# ---- many and slow --------------------------------------------------------------------------

def test_half_requests_are_cut_off_in_time(gateway):
    """Slow lorises: a byte now and then, or nothing at all, holds no place for longer than a
    request may take."""
    kinds = [b"", b"G", b"GET / HTTP/1.1\r\nHo", b"GET / HTTP/1.1\r\nHost: localhost\r\n"]
    own_time, deadline = FairClock(gateway.process), time.monotonic() + 25 * SLOWEST
    socks = [connect(gateway.port) for _ in range(12)]
    for sock, start in zip(socks, kinds * 3):
        sock.sendall(start)
    open_now = set(socks[4:8])  # these go on with a byte each second
    while open_now and time.monotonic() < deadline:
        for sock in list(open_now):
            try:
                sock.sendall(b"x")
                sock.settimeout(0.25)
                if sock.recv(4096) == b"":
                    open_now.discard(sock)
            except TimeoutError:
                pass
            except OSError:
                open_now.discard(sock)
    assert not open_now, "who drips is let drip"
    for sock in socks[:4] + socks[8:]:
        sock.settimeout(60)
        try:
            while sock.recv(4096):
                pass
        except ConnectionResetError:
            pass
        sock.close()
    assert own_time() < 25


def test_who_takes_an_answer_slowly_takes_no_place_of_others(gateway):
    slow = [connect(gateway.port) for _ in range(60)]
    for sock in slow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /big.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert request(gateway.port, "/alive").body == b"alive\n"
    memory = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    assert int(memory.split("VmRSS:")[1].split()[0]) < 60_000, "files are held in memory"
    ws = WebSocket(gateway.port)
    assert MqttStream(ws).login("li", "tea-1") == 0
    ws.close()
    for sock in slow:
        sock.close()


@pytest.fixture
def running(site, needs):
    needs("baiye-field", "baiyed")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.http_port = free_port()
    site.start_gateway(every="1s", more={"http": {"listen": f"127.0.0.1:{site.http_port}"}})
    wait_until(lambda: site.watcher.count() >= 2, 30, "readings arrive")
    yield site
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_of_connections_leave_live_values_alone(running):
    """3,000 callers, most of them more than it takes: they take each other's places, memory stays,
    and every second has its live value."""
    port, pid = running.http_port, running.gateway.child.pid
    stop, seen = threading.Event(), {}
    own_time, begun = FairClock(running.gateway, running.broker, running.field), time.time()
    starved = []  # (when, so long they had been without a processor)

    def look():
        while not stop.wait(0.05):
            now = time.time()
            starved.append((now, now - begun - own_time()))
            live = running.watcher.live.get("air")
            if live is not None:
                seen.setdefault(live["ts"], now)

    def owned(since, until):
        """What is left of that time when they had a processor."""
        began, ended = (max((lost for at, lost in starved if at <= moment), default=0)
                        for moment in (since, until))
        return until - since - (ended - began)

    watch = threading.Thread(target=look)
    watch.start()
    try:
        socks = []
        for i in range(3000):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
            socks.append(sock)
            if i % 3 == 0:
                try:
                    sock.send(b"GET / HT")
                except OSError:
                    pass
            if len(socks) > 1000:
                socks.pop(0).close()
        status_text = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert int(status_text.split("VmRSS:")[1].split()[0]) < 60_000
        assert len(os.listdir(f"/proc/{pid}/fd")) < 96 + 256 + 64  # 256: they are leaving
        count, ticks, began = len(seen), cpu_ticks(pid), time.monotonic()
        wait_until(lambda: len(seen) >= count + 5, 20, "live values")
        assert (cpu_ticks(pid) - ticks) / os.sysconf("SC_CLK_TCK") < \
            0.5 * (time.monotonic() - began), "it spins"
        for sock in socks:
            sock.close()
        wait_for(lambda: request(port, "/alive").body == b"alive\n", "room again", 25)
    finally:
        stop.set()
        watch.join()
    assert running.gateway.running()
    times = sorted(seen)[1:]  # the first one stood there before
    assert max(owned(ts / 1000, seen[ts]) for ts in times) < 2, "a live value was held up"
    assert max(owned(a / 1000, b / 1000) for a, b in zip(times, times[1:])) < 3, "a live value is missing"
