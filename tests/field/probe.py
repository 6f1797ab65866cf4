# SPDX-License-Identifier: Apache-2.0
"""Scripted devices, and a farm of one gateway, one broker and one client around them."""
import contextlib
import itertools
import json
import os
import pty
import select
import socket
import struct
import subprocess
import threading
import time
import tty

import garden
from bench import crc16
from garden import wait_until

BAUD = 9600


def frame(*parts):
    """Bytes with their CRC; texts are hexadecimal."""
    data = b"".join(bytes.fromhex(part) if isinstance(part, str) else bytes(part)
                    for part in parts)
    return data + crc16(data)


def pdu_size(pdu):
    """Of a request; None while too little of it is there."""
    if not pdu:
        return None
    if pdu[0] in (15, 16):
        return 6 + pdu[5] if len(pdu) > 5 else None
    if pdu[0] == 23:
        return 10 + pdu[9] if len(pdu) > 9 else None
    return 5


class Registers:
    """A device with registers: {address: value}, its own for each function, or one for all. Every
    request of it is noted. `special(unit, pdu)` comes first: a PDU, b"" for silence, None: as
    usual."""

    def __init__(self, values=None, special=None):
        self.values, self.special = dict(values or {}), special
        self.asked = []  # (monotonic time, unit, PDU)

    def __call__(self, unit, pdu):
        self.asked.append((time.monotonic(), unit, pdu))
        said = self.special(unit, pdu) if self.special else None
        return self.usual(pdu) if said is None else said

    def usual(self, pdu):
        function, first, count = struct.unpack(">BHH", pdu[:5])
        if function in (5, 6):
            self.values[first] = count
            return pdu
        if function in (15, 16):
            for i in range(count):
                self.values[first + i] = struct.unpack_from(">H", pdu, 6 + 2 * i)[0]
            return pdu[:5]
        wanted = range(first, first + count)
        if not all(address in self.values for address in wanted):
            return bytes([function | 0x80, 2])
        words = [self.values[address] & 0xFFFF for address in wanted]
        return bytes([function, 2 * count]) + struct.pack(f">{count}H", *words)

    def reads(self, unit=None, function=None):
        return [(at, pdu) for at, who, pdu in list(self.asked)
                if unit in (None, who) and function in (None, pdu[0])]


class Serial:
    """A line on a pseudo-terminal. `device(unit, pdu)` gives the PDU of the answer, b"" or None for
    silence, or Raw bytes as they are. It answers as the wire would, after `delay` seconds."""

    def __init__(self, device, delay=0.003, link=None):
        self.device, self.delay, self.link = device, delay, link
        self.stopping = threading.Event()
        self.opened = 0
        self.written = []  # (monotonic time, bytes)
        self.plug_in()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def plug_in(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        if self.link:
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(self.port)
            self.port = str(self.link)

    def run(self):
        request = b""
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, ValueError):
                if not select.select([self.master], [], [], 0.05)[0]:
                    continue
                request += os.read(self.master, 512)
                request = self.take(request)

    def take(self, data):
        while len(data) >= 4:
            size = pdu_size(data[1:])
            if size is None or len(data) < size + 3:
                return data
            if crc16(data[:size + 1]) == data[size + 1:size + 3]:
                self.hear(data[0], data[1:size + 1])
                data = data[size + 3:]
            else:
                data = data[1:]
        return data

    def hear(self, unit, pdu):
        said = self.device(unit, pdu)
        if said:
            said = bytes(said) if isinstance(said, Raw) else frame([unit], said)
            time.sleep((len(pdu) + 3 + len(said)) * 10 / BAUD + self.delay)
            self.say(said)

    def say(self, data):
        self.written.append((time.monotonic(), data))
        os.write(self.master, data)

    def bus(self, *devices, **more):
        return {"name": "east", "port": self.port, "baud": BAUD, "devices": list(devices), **more}

    def close(self):
        self.stopping.set()
        self.thread.join(5)
        os.close(self.master)
        os.close(self.slave)


class Raw(bytes):
    """Bytes to be sent as they are, instead of a PDU."""


def over(connection):
    """Has either end closed it, though its thread may not have seen that yet?"""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Tcp:
    """A Modbus TCP server, or with `rtu` a converter for a serial line. `device` as with Serial;
    Raw bytes, or Hang up by raising ConnectionError. `most`: clients at one time, further ones are
    closed at once; `idle`: seconds after which it closes; `settle`: what comes sooner after the
    connection is not heard."""

    def __init__(self, device, rtu=False, most=None, idle=None, settle=0):
        self.device, self.rtu = device, rtu
        self.most, self.idle, self.settle = most, idle, settle
        self.opened, self.refused, self.closed = [], [], []  # monotonic times
        self.lock = threading.Lock()
        self.open = 0
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                with self.lock:
                    left = sum(not over(other) for other in self.sockets)
                    full = self.most is not None and left >= self.most
                    (self.refused if full else self.opened).append(time.monotonic())
                    self.open += not full
                if full:
                    connection.close()
                    continue
                self.sockets.append(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        begun = time.monotonic()
        try:
            with connection:
                connection.settimeout(self.idle)
                self.talk(connection, begun)
        except (OSError, ConnectionError):
            pass
        with self.lock:
            self.open -= 1
            self.closed.append(time.monotonic())

    def talk(self, connection, begun):
        data = b""
        while True:
            got = connection.recv(512)
            if not got:
                return
            if time.monotonic() - begun < self.settle:
                continue
            data += got
            while len(data) >= (4 if self.rtu else 8):
                head = 1 if self.rtu else 7
                size = pdu_size(data[head:])
                end = None if size is None else head + size + (2 if self.rtu else 0)
                if end is None or len(data) < end:
                    break
                self.answer(connection, data[:head], data[head:head + size])
                data = data[end:]

    def answer(self, connection, head, pdu):
        said = self.device(head[-1], pdu)
        if callable(said):  # bytes that depend on the transaction, or many with pauses
            said(connection, head)
        elif isinstance(said, Raw):
            connection.sendall(said)
        elif said:
            connection.sendall(frame(head, said) if self.rtu else mbap(head, said))

    def bus(self, *devices, **more):
        return {"name": "net", "type": "rtu-over-tcp" if self.rtu else "tcp",
                "port": f"127.0.0.1:{self.port}", "devices": list(devices), **more}

    def close(self):
        """Its thread ends before: else it might accept for a server that gets the same descriptor."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.listener.close()
        for connection in self.sockets:
            connection.close()


def mbap(head, pdu, transaction=None, unit=None, length=None):
    if transaction is None:
        transaction = struct.unpack(">H", head[:2])[0]
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1 if length is None else length,
                       head[6] if unit is None else unit) + pdu


def device(name="probe", profile="probe", address=1, every="200ms", **more):
    return {"name": name, "profile": profile, "address": address, "every": every, **more}


class Farm:
    """The gateway polls, a client of the broker notes what is published."""

    def __init__(self, site):
        self.site, self.devices = site, []
        self.numbers = itertools.count()
        (site.folder / "profiles").mkdir()

    def line(self, device_, **more):
        self.devices.append(Serial(device_, **more))
        return self.devices[-1]

    def server(self, device_, **more):
        self.devices.append(Tcp(device_, **more))
        return self.devices[-1]

    def profile(self, text, name="probe"):
        path = self.site.folder / "profiles" / f"{name}.yaml"
        path.write_text(f"label: {name}\n{text}")

    def start(self, *buses, **more):
        site = self.site
        site.start_broker()
        site.start_watcher()
        site.gateway = garden.Gateway(site.folder, site.broker, list(buses),
                                      profiles=str(site.folder / "profiles"), **more)
        site.gateway.start()
        self.wait_log("control: ")
        return site.gateway

    def readings(self, name="probe", since=0):
        """In the order of their numbers; those of a start of the gateway after that one (`boot`)."""
        found = [(key[1:], reading) for key, reading in self.site.watcher.copy().items()
                 if key[0] == name and key[1] > since]
        return [reading for _, reading in sorted(found, key=lambda pair: pair[0])]

    def retained(self, topic):
        """What the broker keeps there, when it has come."""
        return wait_until(lambda: self.site.watcher.retained.get(topic), 20, topic)

    def values(self, metric, name="probe"):
        """Of each reading: the value, or its flag where there is none."""
        return [reading["values"].get(metric, reading.get("flags", {}).get(metric))
                for reading in self.readings(name)]

    def wait(self, count, seconds=20, name="probe"):
        """Until so many readings have come."""
        return wait_until(lambda: len(self.readings(name)) >= count and self.readings(name),
                          seconds, f"{count} readings of {name}")

    def log(self):
        return self.site.gateway.log()

    def wait_log(self, text, seconds=20):
        wait_until(lambda: text in self.log(), seconds, f"the log says: {text}")

    def baiye(self, *arguments, code=0):
        done = subprocess.run([garden.program("baiye"), *map(str, arguments), "--socket",
                               self.site.folder / "baiyed.sock"], capture_output=True, text=True,
                              timeout=300, check=False)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def stats(self):
        return json.loads(self.baiye("stats", "--json"))

    def bus_stats(self):
        return self.stats()["buses"][0]

    def device_stats(self, name="probe"):
        return json.loads(self.baiye("stats", name, "--json"))

    def check(self, *buses, code=0, **more):
        """What `baiyed --check` says of a configuration."""
        path = self.site.folder / f"check-{next(self.numbers)}.yaml"
        path.write_text(json.dumps({"site": "s", "profiles": str(self.site.folder / "profiles"),
                                    "buses": list(buses), **more}))
        done = subprocess.run([garden.program("baiyed"), "--config", path, "--check"],
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def close(self):
        if self.site.gateway:
            self.site.gateway.stop()
        for made in self.devices:
            made.close()
