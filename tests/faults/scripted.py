# SPDX-License-Identifier: Apache-2.0
"""A small MQTT 5 broker that does what a test's script says with each PUBLISH: acknowledge, refuse
with a reason, stay silent, acknowledge twice, close. It forwards nothing; it notes what it took."""
import json
import socket
import struct
import threading


def varint(value):
    out = b""
    while True:
        byte = value & 0x7F
        value >>= 7
        out += bytes([byte | (0x80 if value else 0)])
        if not value:
            return out


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


class ScriptedBroker:
    """`script(broker, number, topic, payload)` gives a PUBACK reason code, or "silent", "twice",
    "close", "unknown". number counts the readings messages of all connections from 0. `on_connect`
    gives a reason code, "close" or "after", or the bytes to answer with before it closes."""

    def __init__(self, script=None, connack_properties=b"", on_connect=None,
                 on_status=None):
        self.script = script or (lambda *_: 0)
        self.connack_properties = connack_properties
        self.on_connect = on_connect
        self.on_status = on_status or (lambda *_: None)  # before it is acknowledged
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.taken = {}      # (d, boot, seq) -> values, of what was acknowledged with success
        self.batches = []    # their messages, as they came
        self.sent = 0        # readings messages seen
        self.in_flight_most = 0
        self.connects = 0
        self.wills = []      # (qos, retain) of each connection's
        self.published = []  # (topic, qos, retain) of everything
        self.statuses = []   # what the gateway has said of itself
        self.status_topic = None
        self.link = None     # the newest connection
        self.sending = threading.Lock()
        self.stopping = False
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.stopping = True
        self.listener.close()

    def count(self):
        with self.lock:
            return len(self.taken)

    def _accept(self):
        while not self.stopping:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _read(self, link, size):
        data = b""
        while len(data) < size:
            more = link.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def _packet(self, link):
        kind = self._read(link, 1)[0]
        length = shift = 0
        while True:
            byte = self._read(link, 1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return kind, self._read(link, length)

    def _serve(self, link):
        silent = []
        try:
            while True:
                kind, body = self._packet(link)
                if kind >> 4 == 1:
                    self._connect(link, body)
                elif kind >> 4 == 3:
                    self._publish(link, kind, body, silent)
                elif kind >> 4 == 8:
                    self._send(link, bytes([0x90, 4]) + body[:2] + b"\x00\x01")
                elif kind >> 4 == 12:
                    self._send(link, b"\xd0\x00")
                elif kind >> 4 == 14:
                    break
        except (ConnectionError, OSError):
            pass
        finally:
            link.close()

    def _send(self, link, data):
        with self.sending:
            link.sendall(data)

    def hang_up(self):
        """As if the newest connection were lost."""
        self.link.shutdown(socket.SHUT_RDWR)

    def deliver(self, topic, payload, times=1):
        """As if another client had published it, with QoS 0."""
        body = struct.pack(">H", len(topic)) + topic.encode() + b"\x00" + payload
        self._send(self.link, (b"\x30" + varint(len(body)) + body) * times)

    def _connect(self, link, request):
        flags = request[7]
        with self.lock:
            self.connects += 1
            number = self.connects
            self.wills.append((flags >> 3 & 3, flags >> 5 & 1) if flags & 4 else None)
        code = self.on_connect(number) if self.on_connect else 0
        if code == "close":
            raise ConnectionError
        if isinstance(code, bytes):
            self._send(link, code)
            raise ConnectionError
        body = bytes([0, code]) + varint(len(self.connack_properties)) + self.connack_properties
        self._send(link, bytes([0x20]) + varint(len(body)) + body)
        self.link = link
        if code == "after":
            raise ConnectionError

    def _publish(self, link, kind, body, silent):
        size = struct.unpack(">H", body[:2])[0]
        topic = body[2:2 + size].decode()
        at = 2 + size
        qos = kind >> 1 & 3
        with self.lock:
            self.published.append((topic, qos, kind & 1))
        packet = body[at:at + 2] if qos else b""
        properties, at = read_varint(body, at + len(packet))
        payload = body[at + properties:]
        verdict = 0
        if topic.endswith("/gateway/status"):
            with self.lock:
                self.status_topic = topic
                self.statuses.append(payload.decode())
            self.on_status(self, topic, payload)
        if topic.endswith("/readings"):
            with self.lock:
                number, self.sent = self.sent, self.sent + 1
            verdict = self.script(self, number, topic, payload)
            if verdict == "silent":
                silent.append(packet)
                with self.lock:
                    self.in_flight_most = max(self.in_flight_most, len(silent))
                return
            if verdict in (0, 0x10, "twice", "unknown"):
                with self.lock:
                    batch = json.loads(payload)
                    self.batches.append(batch)
                    for record in batch["readings"]:
                        if "seq" in record:
                            self.taken[record["d"], record["boot"], record["seq"]] = record
        if verdict == "close":
            raise ConnectionError
        if not qos:
            return
        if verdict == "unknown":  # an acknowledgement that nobody waits for, then the right one
            self._send(link, b"\x40\x02\xff\xf0")
        code = verdict if isinstance(verdict, int) else 0
        ack = b"\x40\x02" + packet if code == 0 else b"\x40\x03" + packet + bytes([code])
        self._send(link, ack * (2 if verdict == "twice" else 1))
