# SPDX-License-Identifier: Apache-2.0
"""The gateway's HTTP side against a real broker: files, logins, the MQTT-over-WebSocket bridge,
and clients that mean no good."""
import base64
import csv
import gzip
import json
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from garden import SLOWEST, FairClock, free_port
from webclient import (MqttStream, WebSocket, connect, mqtt_connect, mqtt_packet, mqtt_string,
                       request)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BAIYE_BUILD", ROOT / "build"))
HOST = next((p for p in (BUILD / "bin/http_host", ROOT / "build/debug/bin/http_host")
             if p.exists()), BUILD / "bin/http_host")
USERS = {"gateway": "g-secret", "li": "tea-1", "wang": "tea-2"}


def wait_for(condition, what, seconds=10):
    seconds *= SLOWEST
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
        except OSError:
            value = None
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


class Broker:
    def __init__(self, folder, anonymous=False):
        self.port, self.folder = free_port(), folder
        self.passwords = folder / "passwords"
        self.passwords.touch(mode=0o600)
        for user, password in USERS.items():
            subprocess.run(["mosquitto_passwd", "-b", self.passwords, user, password], check=True)
        self.start(anonymous)

    def start(self, anonymous=False):
        config = self.folder / "mosquitto.conf"
        config.write_text("user root\n"  # when started as root: the folder is root's alone
                          f"listener {self.port} 127.0.0.1\n"
                          f"allow_anonymous {'true' if anonymous else 'false'}\n"
                          f"password_file {self.passwords}\n")
        self.log = open(self.folder / "mosquitto.log", "ab")
        self.process = subprocess.Popen(["mosquitto", "-c", config], stderr=self.log)
        wait_for(lambda: connect(self.port).close() or True, "broker")

    def stop(self):
        self.process.terminate()
        self.process.wait(120)
        self.log.close()


class Gateway:
    def __init__(self, folder, broker_port, tls=()):
        self.port = free_port()
        self.log_path = folder / "gateway.log"
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([HOST, str(self.port), str(broker_port), folder / "app",
                                         *tls], stderr=self.log)
        wait_for(lambda: connect(self.port).close() or True, "gateway")

    def ready(self, context=None):
        wait_for(lambda: request(self.port, "/ready", user="li", password="tea-1",
                                 context=context).status == 200, "ready")
        return self

    def stop(self):
        self.process.terminate()
        try:
            code = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.log.close()
        assert code == 0, self.log_path.read_text()


def make_app(tmp_path):
    app = tmp_path / "app"
    (app / "assets").mkdir(parents=True)
    (app / "index.html").write_text("<!doctype html><title>茶</title>")
    (app / "empty.txt").write_text("")
    (app / "assets/main-1a2b.js").write_text("let x = 1;\n" * 5000)
    (app / "assets/main-1a2b.js.gz").write_bytes(
        gzip.compress(("let x = 1;\n" * 5000).encode(), mtime=0))
    (app / ".hidden").write_text("no")
    (tmp_path / "secret").write_text("no")
    (app / "link").symlink_to(tmp_path / "secret")
    (app / "link.txt").symlink_to(tmp_path / "secret")
    return tmp_path


@pytest.fixture
def folder(tmp_path):
    return make_app(tmp_path)


@pytest.fixture
def broker(folder):
    broker = Broker(folder)
    yield broker
    broker.process.send_signal(signal.SIGCONT)
    broker.stop()


@pytest.fixture
def gateway(folder, broker):
    gateway = Gateway(folder, broker.port)
    yield gateway.ready()
    gateway.stop()


# ---- files ----------------------------------------------------------------------------------

def test_the_app_is_served_with_types_and_caching(gateway):
    page = request(gateway.port, "/")
    assert page.status == 200 and "茶".encode() in page.body
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    script = request(gateway.port, "/assets/main-1a2b.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert script.body == b"let x = 1;\n" * 5000
    assert request(gateway.port, "/plot/upper").body == page.body
    assert request(gateway.port, "/empty.txt").body == b""


def test_a_precompressed_file_goes_to_those_who_take_gzip(gateway):
    packed = request(gateway.port, "/assets/main-1a2b.js", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"let x = 1;\n" * 5000
    assert packed.headers["content-type"].startswith("text/javascript")
    plain = request(gateway.port, "/assets/main-1a2b.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers


def test_an_unchanged_file_is_not_sent_again(gateway, folder):
    sock = connect(gateway.port)
    first = request(gateway.port, "/", sock=sock)
    again = request(gateway.port, "/", headers={"If-None-Match": first.headers["etag"]}, sock=sock)
    assert again.status == 304 and again.body == b""
    replaced = folder / "app/new.html"
    replaced.write_text("<!doctype html><title>茶</title>")
    replaced.rename(folder / "app/index.html")
    changed = request(gateway.port, "/", headers={"If-None-Match": first.headers["etag"]}, sock=sock)
    assert changed.status == 200
    sock.close()


def test_head_gives_the_headers_alone(gateway):
    sock = connect(gateway.port)
    head = request(gateway.port, "/assets/main-1a2b.js", method="HEAD", sock=sock)
    assert head.status == 200 and int(head.headers["content-length"]) == 55000
    assert request(gateway.port, "/alive", sock=sock).body == b"alive\n"
    sock.close()


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/assets/../../secret",
                                  "/.hidden", "/link.txt", "/assets", "/nothing.js", "//secret",
                                  "/assets/%2e%2e/%2e%2e/secret", "/a\\..\\secret", "/%00x.js"])
def test_nothing_outside_the_app_can_be_named(gateway, path):
    answer = request(gateway.port, path)
    assert answer.body != b"no"
    if path != "/assets":  # a page of the app
        assert answer.status in (403, 404) or b"doctype" in answer.body


# ---- logins ---------------------------------------------------------------------------------

def test_pages_need_a_user_of_the_broker(gateway):
    assert request(gateway.port, "/alive").status == 200
    unknown = request(gateway.port, "/ready")
    assert unknown.status == 401 and unknown.headers["www-authenticate"].startswith("Basic")
    assert json.loads(unknown.body)["error"]["code"] == "unauthorised"
    assert request(gateway.port, "/ready", user="li", password="tea-2").status == 401
    assert request(gateway.port, "/ready", user="wang", password="tea-2").status == 200
    for header in ("Basic", "Basic !!!", "Basic bGk=", "Bearer x", "Basic " + "A" * 290):
        assert request(gateway.port, "/ready", headers={"Authorization": header}).status == 401


def test_a_wrong_password_costs_a_second(gateway, broker):
    start = time.monotonic()
    assert request(gateway.port, "/ready", user="li", password="wrong").status == 401
    assert time.monotonic() - start >= 1
    own_time = FairClock(gateway.process, broker.process)  # the broker judges it
    assert request(gateway.port, "/ready", user="li", password="tea-1").status == 200
    assert own_time() < 1


def test_many_guessers_are_told_to_wait(gateway):
    socks = [connect(gateway.port) for _ in range(8)]
    for i, sock in enumerate(socks):
        token = base64.b64encode(f"li:wrong{i}".encode()).decode()
        sock.sendall(f"GET /ready HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n"
                     .encode())
    answers = []
    for sock in socks:
        answers.append(sock.recv(4096).split()[1])
        sock.close()
    assert answers.count(b"401") == 4 and answers.count(b"503") == 4


# ---- the bridge -----------------------------------------------------------------------------

def test_mqtt_passes_both_ways_unchanged(gateway):
    ws = WebSocket(gateway.port, origin=f"http://127.0.0.1:{gateway.port}")
    assert ws.status == 101 and ws.headers["sec-websocket-protocol"] == "mqtt"
    mqtt = MqttStream(ws)
    assert mqtt.login("li", "tea-1") == 0
    ws.send(mqtt_packet(0x82, struct.pack(">HB", 1, 0) + mqtt_string("t/#") + b"\0"))
    assert mqtt.packet()[0] == 0x90
    payload = bytes(range(256)) * 1200  # larger than every buffer on the way
    body = mqtt_string("t/x") + b"\0" + payload
    ws.send(mqtt_packet(0x30, body))
    kind, got = mqtt.packet()
    assert kind == 0x30 and got == body
    for i in range(0, len(body), 7):  # in crumbs and continuation frames
        piece = mqtt_packet(0x30, body)[i:i + 7] if i < 700 else mqtt_packet(0x30, body)[i:]
        ws.send(piece)
        if i >= 700:
            break
    assert mqtt.packet()[1] == body
    ws.close()


def test_the_broker_judges_the_user(gateway):
    for user, password in ((None, None), ("li", "wrong"), ("nobody", "x")):
        ws = WebSocket(gateway.port)
        mqtt = MqttStream(ws)
        assert mqtt.login(user, password) >= 0x80
        with pytest.raises(EOFError):
            mqtt.packet()
        ws.close()


@pytest.mark.parametrize("options, status", [
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"path": "/other"}, 404),
    ({"protocol": "chat"}, 400),
    ({"protocol": None}, 400),
    ({"path": "/ready"}, 404),
])
def test_other_websockets_are_refused(gateway, options, status):
    ws = WebSocket(gateway.port, **options)
    assert ws.status == status
    ws.close()


def test_text_is_not_mqtt(gateway):
    ws = WebSocket(gateway.port)
    ws.send(b"hello", WebSocket.TEXT)
    assert ws.receive() is None and ws.close_code == 1003
    ws.close()


def test_a_stranger_who_says_nothing_is_cut_off(gateway):
    start, own_time = time.monotonic(), FairClock(gateway.process)
    ws = WebSocket(gateway.port)
    ws.sock.settimeout(60)
    assert ws.receive() is None
    assert ws.close_code == 1008 and time.monotonic() - start > 4 and own_time() < 8
    ws.close()


def test_strangers_cannot_take_all_places(gateway):
    friend = WebSocket(gateway.port)
    assert MqttStream(friend).login("li", "tea-1") == 0
    strangers = [WebSocket(gateway.port) for _ in range(16)]
    assert all(s.status == 101 for s in strangers)
    late = WebSocket(gateway.port)  # the oldest stranger makes room
    assert late.status == 101 and MqttStream(late).login("wang", "tea-2", "late") == 0
    late.close()
    assert strangers[0].receive() is None and strangers[0].close_code == 1008
    friend.send(mqtt_packet(0xC0, b""))
    assert MqttStream(friend).packet()[0] == 0xD0
    for ws in strangers + [friend]:
        ws.close()


def test_the_bridge_is_closed_while_the_broker_lets_anybody_in(folder):
    broker = Broker(folder, anonymous=True)
    gateway = Gateway(folder, broker.port)
    try:
        answer = wait_for(lambda: request(gateway.port, "/ready", user="li", password="tea-1"),
                          "answer")
        wait_for(lambda: b"lets anybody in" in request(
            gateway.port, "/ready", user="li", password="tea-1").body, "the reason")
        assert answer.status == 503
        ws = WebSocket(gateway.port)
        assert ws.status == 503
        ws.close()
        broker.stop()
        broker.start(anonymous=False)
        gateway.ready()
        ws = WebSocket(gateway.port)
        assert ws.status == 101
        ws.close()
    finally:
        gateway.stop()
        broker.stop()


def test_a_lost_broker_ends_the_connection_and_comes_back(gateway, broker):
    ws = WebSocket(gateway.port)
    assert MqttStream(ws).login("li", "tea-1") == 0
    broker.stop()
    while ws.receive() is not None:  # the broker may say DISCONNECT first
        pass
    assert ws.close_code == 1001
    ws.close()
    wait_for(lambda: WebSocket(gateway.port).status == 503, "closed bridge")
    broker.start()
    gateway.ready()
    ws = WebSocket(gateway.port)
    assert MqttStream(ws).login("li", "tea-1") == 0
    ws.close()


def test_a_frozen_broker_stops_the_sender_not_the_gateway(gateway, broker):
    ws = WebSocket(gateway.port)
    assert MqttStream(ws).login("li", "tea-1") == 0
    broker.process.send_signal(signal.SIGSTOP)
    ws.sock.settimeout(1)
    packet = mqtt_packet(0x30, mqtt_string("t/x") + b"\0" + b"x" * 60000)
    sent = 0
    with pytest.raises(OSError):
        while sent < 100_000_000:
            ws.send(packet)
            sent += len(packet)
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    assert request(gateway.port, "/alive").status == 200
    before = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text().split()[13:15]
    assert request(gateway.port, "/alive").status == 200
    time.sleep(0.5)
    after = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text().split()[13:15]
    assert sum(map(int, after)) - sum(map(int, before)) < 25, "it spins"
    assert "VmRSS" in status
    ws.close()
    broker.process.send_signal(signal.SIGCONT)


def test_a_browser_that_reads_nothing_stops_the_broker_only_for_itself(gateway):
    slow, fast = WebSocket(gateway.port), WebSocket(gateway.port)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    readers = {}
    for ws, name in ((slow, "slow"), (fast, "fast")):
        readers[name] = MqttStream(ws)
        assert readers[name].login("li", "tea-1", name) == 0
        ws.send(mqtt_packet(0x82, struct.pack(">HB", 1, 0) + mqtt_string("t/#") + b"\0"))
        assert readers[name].packet()[0] == 0x90
    body = mqtt_string("t/x") + b"\0" + b"y" * 50000
    for _ in range(100):
        fast.send(mqtt_packet(0x30, body))
        assert readers["fast"].packet() == (0x30, body)
    assert readers["slow"].packet() == (0x30, body)
    slow.close()
    fast.close()


# ---- pages ----------------------------------------------------------------------------------

def test_the_export_streams_every_page_of_the_store(gateway):
    answer = request(gateway.port, "/export.csv?device=plot-1&from=2026-04-01&to=2026-04-30",
                     user="li", password="tea-1")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.body.decode().split("\r\n")
    assert lines[0] == "time,device,metric,unit,n,min,mean,max,sum,flag" and lines[-1] == ""
    assert len(lines) == 2002
    assert all(line.endswith(",uncalibrated") for line in lines[1:-1])
    days = request(gateway.port, "/export.csv?device=plot-1&from=2026-04-01&to=2026-04-30&step=day",
                   user="li", password="tea-1").body.decode().split("\r\n")
    assert days[0] == lines[0] and not any("uncalibrated" in line for line in days)
    assert lines[1].startswith("2026-04-01T00:00:00.000Z,plot-1,air_temperature,")
    assert len(set(lines[1:-1])) == 2000
    for query in ("", "?device=nothing&from=0&to=1", "?device=plot-1", "?plot=x&from=0&to=1",
                  "?device=plot-1&from=x&to=1", "?device=plot-1&from=0&to=1&step=week",
                  "?device=plot-1&from=0&to=1&step=" + "raw" * 200, "?device=plot-1&from=5&to=5",
                  "?device=plot-1&from=0&to=9223372036854775807",
                  "?device=" + "a" * 500, "?device&from=0&to=1"):
        wrong = request(gateway.port, "/export.csv" + query, user="li", password="tea-1")
        assert wrong.status == 400 and "error" in json.loads(wrong.body)
    assert request(gateway.port, "/export.csv").status == 401


def test_the_seasons_alerts_are_a_table_for_a_user(gateway):
    assert request(gateway.port, "/alerts.csv").status == 401
    answer = request(gateway.port, "/alerts.csv?from=2026-04-01&to=2026-11-30", user="li",
                     password="tea-1")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(answer.body.decode().splitlines()))
    # Two of the first page and one of the next; what can't be read is left out.
    assert [row["what"] for row in rows] == ["Frost", "Frost", "Frost"]
    assert rows[0]["what_zh"] == "霜冻" and rows[0]["ended"] == "" != rows[1]["ended"]
    assert request(gateway.port, "/alerts.csv", user="li", password="tea-1").status == 200
    for query in ("?from=x", "?to=1&from=1", "?from=5&to=4", "?from=" + "1" * 60,
                  "?to=9223372036854775807"):
        wrong = request(gateway.port, "/alerts.csv" + query, user="li", password="tea-1")
        assert wrong.status == 400 and "error" in json.loads(wrong.body), query


def test_an_export_nobody_reads_makes_way(gateway):
    for _ in range(6):
        token = base64.b64encode(b"li:tea-1").decode()
        sock = connect(gateway.port)
        sock.sendall(f"GET /export.csv?device=plot-1&from=0&to=9 HTTP/1.1\r\nHost: localhost\r\n"
                     f"Authorization: Basic {token}\r\n\r\n".encode())
        assert sock.recv(12) == b"HTTP/1.1 200"
        sock.close()
    wait_for(lambda: request(gateway.port, "/export.csv?device=plot-1&from=0&to=9", user="li",
                             password="tea-1").status == 200, "a place for another export")


def test_metrics_need_a_user_and_say_what_was_counted(gateway):
    assert request(gateway.port, "/metrics").status == 401
    answer = request(gateway.port, "/metrics", user="li", password="tea-1")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for line in ("baiye_store_taken_total 12", 'baiye_bus_requests_total{bus="east"} 5',
                 'baiye_bus_up{bus="east"} 1', 'baiye_device_polls_total{device="plot-1"} 7',
                 'baiye_device_last_seen_timestamp_seconds{device="plot-1"} 1795293274.123',
                 'baiye_device_turnaround_p99_seconds{device="plot-1"} 0.0125',
                 "baiye_http_unauthorised_total 1"):
        assert line in answer.body.decode().splitlines()


# ---- those who mean no good -----------------------------------------------------------------

@pytest.mark.parametrize("garbage", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40, b"\0" * 300,
    b"GET / HTTP/9.9\r\n\r\n", b"GET http://x/ HTTP/1.1\r\n\r\n", b"GET\r\n\r\n",
    b"CONNECT evil:80 HTTP/1.1\r\nHost: x\r\n\r\n" + b"data" * 100,
    b"POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"z" * 5000,
    b"PUT /index.html HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
    b"GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X-Header: y\r\n" * 2000 + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 50,
], ids=lambda garbage: repr(garbage[:16]))
def test_garbage_is_survived(gateway, garbage):
    sock = connect(gateway.port, timeout=60)
    try:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    except OSError as error:
        assert not isinstance(error, TimeoutError), "it neither answers nor hangs up"
    sock.close()
    assert request(gateway.port, "/alive").body == b"alive\n"
    assert gateway.process.poll() is None


def test_bad_websocket_frames_are_survived(gateway):
    for frame in (b"\x82\x05hello",                                  # not masked
                  b"\xff\x80\x00\x00\x00\x00",                       # reserved bits and opcode
                  b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" + b"mask" + b"x" * 100,
                  b"\x89\xfe\x01\x00" + b"mask" + b"x" * 256,        # an over-long ping
                  b"\x80\x81maskx"):                                 # continuation of nothing
        ws = WebSocket(gateway.port)
        assert ws.status == 101
        ws.sock.sendall(frame)
        ws.sock.settimeout(60)
        try:
            while ws.receive() is not None:
                pass
        except (EOFError, ConnectionError):
            pass
        ws.close()
    assert request(gateway.port, "/alive").body == b"alive\n"


def test_slow_and_idle_connections_leave_room(gateway):
    socks = []
    for _ in range(120):
        try:
            sock = connect(gateway.port, timeout=1)
            sock.sendall(b"GET / HT")
            socks.append(sock)
        except OSError:
            break
    wait_for(lambda: request(gateway.port, "/alive").status == 200, "room again", 25)
    for sock in socks:
        sock.close()


# ---- TLS ------------------------------------------------------------------------------------

def test_tls_carries_files_and_the_bridge(folder, broker):
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    context = ssl.create_default_context(cafile=str(cert))
    gateway = Gateway(folder, broker.port, (cert, key))
    try:
        gateway.ready(context)
        assert request(gateway.port, "/", context=context).status == 200
        big = request(gateway.port, "/assets/main-1a2b.js", context=context)
        assert len(big.body) == 55000
        ws = WebSocket(gateway.port, context=context)
        mqtt = MqttStream(ws)
        assert mqtt.login("li", "tea-1") == 0
        ws.send(mqtt_packet(0x82, struct.pack(">HB", 1, 0) + mqtt_string("t/#") + b"\0"))
        assert mqtt.packet()[0] == 0x90
        body = mqtt_string("t/x") + b"\0" + b"z" * 200000
        ws.send(mqtt_packet(0x30, body))
        assert mqtt.packet() == (0x30, body)
        ws.close()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):
            connect(gateway.port, context=old)
    finally:
        gateway.stop()
