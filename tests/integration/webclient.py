# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client and a raw HTTP client over plain sockets: small enough to send what a browser
never would."""
import base64
import os
import socket
import ssl
import struct


def connect(port, timeout=30, context=None, address=None):
    """`address`: which one of this machine it comes from."""
    source = (address, 0) if address else None
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=source)
    return context.wrap_socket(sock, server_hostname="localhost") if context else sock


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def read_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        got = sock.recv(4096)
        if not got:
            break
        data += got
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if lines[0] else 0
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return status, headers, rest


def read_chunked(sock, rest):
    body = b""
    while True:
        while b"\r\n" not in rest:
            got = sock.recv(65536)
            if not got:
                raise EOFError("cut inside a chunked body")
            rest += got
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        while len(rest) < size + 2:
            got = sock.recv(65536)
            if not got:
                raise EOFError("cut inside a chunk")
            rest += got
        body, rest = body + rest[:size], rest[size + 2:]
        if size == 0:
            return body


def request(port, path, method="GET", headers=None, user=None, password=None, context=None,
            sock=None):
    """One request; closes unless a socket is given."""
    own = sock is None
    sock = sock or connect(port, context=context)
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if user is not None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        lines.append(f"Authorization: Basic {token}")
    lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    status, answer, body = read_head(sock)
    if answer.get("transfer-encoding") == "chunked":
        body = read_chunked(sock, body)
    else:
        length = int(answer.get("content-length", 0)) if method != "HEAD" else 0
        while len(body) < length:
            got = sock.recv(65536)
            if not got:
                break
            body += got
    if own:
        sock.close()
    return Response(status, answer, body)


class WebSocket:
    BINARY, TEXT, CLOSE, PING, PONG = 2, 1, 8, 9, 10

    def __init__(self, port, path="/mqtt", protocol="mqtt", origin=None, context=None,
                 address=None):
        self.sock = connect(port, context=context, address=address)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        if origin:
            lines.append(f"Origin: {origin}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.status, self.headers, self.rest = read_head(self.sock)
        self.close_code = None

    def send(self, data, opcode=BINARY, fin=True):
        mask = os.urandom(4)
        head = bytes([(0x80 if fin else 0) | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += b"\xfe" + struct.pack(">H", len(data))
        else:
            head += b"\xff" + struct.pack(">Q", len(data))
        repeated = (mask * (len(data) // 4 + 1))[:len(data)]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big"))
        self.sock.sendall(head + mask + masked.to_bytes(len(data), "big"))

    def _need(self, count):
        while len(self.rest) < count:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("the gateway hung up")
            self.rest += got
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def frame(self):
        first, second = self._need(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._need(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._need(8))[0]
        return first & 0x0F, self._need(size)

    def receive(self):
        """The next piece of data; None after a close frame (see close_code)."""
        while True:
            opcode, data = self.frame()
            if opcode == self.CLOSE:
                self.close_code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
                return None
            if opcode == self.PING:
                self.send(data, self.PONG)
            elif opcode in (0, self.BINARY, self.TEXT):
                return data

    def close(self):
        self.sock.close()


def mqtt_string(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def mqtt_length(size):
    out = b""
    while True:
        size, digit = divmod(size, 128)
        out += bytes([digit | (0x80 if size else 0)])
        if not size:
            return out


def mqtt_packet(kind, body):
    return bytes([kind]) + mqtt_length(len(body)) + body


def mqtt_connect(user=None, password=None, client="web-test", version=5):
    flags = 0x02 | (0xC0 if user else 0)
    body = mqtt_string("MQTT") + bytes([version, flags]) + struct.pack(">H", 60)
    body += b"\0" if version == 5 else b""  # properties
    body += mqtt_string(client)
    if user:
        body += mqtt_string(user) + mqtt_string(password)
    return mqtt_packet(0x10, body)


class MqttStream:
    """MQTT 5 packets over a WebSocket: (first byte, body) a call."""

    def __init__(self, ws):
        self.ws, self.data = ws, b""

    def _need(self, count):
        while len(self.data) < count:
            got = self.ws.receive()
            if got is None:
                raise EOFError(f"closed with {self.ws.close_code}")
            self.data += got
        data, self.data = self.data[:count], self.data[count:]
        return data

    def packet(self):
        kind = self._need(1)[0]
        size, shift = 0, 0
        while True:
            digit = self._need(1)[0]
            size |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return kind, self._need(size)

    def login(self, user, password, client="web-test", version=5):
        self.ws.send(mqtt_connect(user, password, client, version))
        kind, body = self.packet()
        assert kind == 0x20, hex(kind)
        return body[1]
