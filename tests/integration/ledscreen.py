# SPDX-License-Identifier: Apache-2.0
"""A screen for tests: baiye-led with a generated configuration, and an independent DDP receiver
that checks each packet against the protocol before it believes a picture."""
import json
import os
import socket
import struct
import threading
import time

import paho.mqtt.client as paho
import yaml

import garden

NUMBER = (255, 245, 210)   # the colour of a value that is true
CAUTION = (255, 210, 0)    # the colour of an age and of what is wrong
PAGES = {"pages": [{"name": "air", "title": "{label:plot/upper}",
                    "values": ["plot/upper/air_temperature"]}]}


class Receiver(threading.Thread):
    """Collects whole pictures. A packet that breaks a rule of the protocol is noted in `wrong`. When one
    came is told by `clock`, which a test that asks how fast sets to one of garden.FairClock."""

    def __init__(self, width, height):
        super().__init__(daemon=True)
        self.width, self.size = width, width * height * 3
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Room for what comes while this has no processor: what the kernel drops nobody sends again.
        forced = 33 if os.geteuid() == 0 else socket.SO_RCVBUF  # SO_RCVBUFFORCE, beyond its usual bound
        self.socket.setsockopt(socket.SOL_SOCKET, forced, 16 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.changed = threading.Condition()
        self.clock = time.monotonic
        self.frames = []  # (seconds of the clock, bytes)
        self.wrong = []
        self.sequence = None
        self.ending = False
        self.start()

    def run(self):
        picture, expected = bytearray(self.size), 0
        while not self.ending:
            try:
                packet = self.socket.recv(65536)
            except socket.timeout:
                continue
            flags, sequence, kind, target, offset, length = struct.unpack(">BBBBIH", packet[:10])
            data = packet[10:]
            last = offset + length == self.size
            rules = {
                "version 1, push on the last packet only": flags == (0x41 if last else 0x40),
                "sequence 1..15": 1 <= sequence <= 15,
                "sequence follows": self.sequence in (None, (sequence - 2) % 15 + 1),
                "RGB, 8 bits": kind == 0x0B,
                "default display": target == 1,
                "length is that of the data": length == len(data),
                "at most 1440 bytes": 0 < length <= 1440,
                "whole pixels": length % 3 == 0 and offset % 3 == 0,
                "no hole": offset == expected,
                "inside the picture": offset + length <= self.size,
            }
            self.wrong += [name for name, held in rules.items() if not held]
            self.sequence = sequence
            picture[offset:offset + length] = data
            expected = 0 if last else offset + length
            if last:
                with self.changed:
                    self.frames.append((self.clock(), bytes(picture)))
                    self.changed.notify_all()
        self.socket.close()

    def stop(self):
        self.ending = True
        self.join()

    def newest(self):
        with self.changed:
            return self.frames[-1][1] if self.frames else None

    def wait(self, condition, seconds, what, since=0.0):
        """The first picture, not older than `since`, for which condition(pixels) holds: its time
        and its pixels."""
        seconds *= garden.SLOWEST
        deadline = time.monotonic() + seconds
        seen = 0
        with self.changed:
            while True:
                for at, frame in self.frames[seen:]:
                    if at >= since and condition(frame):
                        return at, frame
                seen = len(self.frames)
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"{what}: no such picture within {seconds} s")

    def body(self, frame, title=15):
        """The picture below its title, where no clock ticks."""
        return frame[title * self.width * 3:]


def colors(frame):
    return set(zip(frame[0::3], frame[1::3], frame[2::3]))


def shows_number(frame):
    return NUMBER in colors(frame)


class Led(garden.Process):
    def __init__(self, folder, broker, outputs, pages=None, environment=None, **more):
        (folder / "pages.yaml").write_text(yaml.safe_dump(pages or PAGES))
        config = {"site": garden.SITE, "timezone": "Asia/Shanghai", "pages": "pages.yaml",
                  "mqtt": {"url": f"mqtt://127.0.0.1:{broker.port}", "user": "led",
                           "password_file": str(broker.password_file("led"))},
                  "screen": {"width": 128, "height": 64},
                  "brightness": {"day": 100, "night": 100}, "outputs": outputs, **more}
        path = folder / "led.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        super().__init__(folder, "led", [garden.program("baiye-led"), "--config", path],
                         environment)

    def rss_mb(self):
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


class Sender:
    """Stands for the gateway: publishes what it would."""

    def __init__(self, broker):
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.username_pw_set("gateway", broker.passwords["gateway"])
        self.client.reconnect_delay_set(0.1, 0.5)
        self.client.on_message = self._request
        self.client.connect_async("127.0.0.1", broker.port, keepalive=30)
        self.client.loop_start()
        garden.wait_until(self.client.is_connected, 10, "the sender is connected")
        self.answers = {}  # method -> answer
        self.asked = []

    def answer(self, method, answer):
        self.answers[method] = answer
        self.client.subscribe(f"baiye/{garden.SITE}/rpc/+/{method}", qos=1)

    def _request(self, client, _data, message):
        method = message.topic.rsplit("/", 1)[1]
        self.asked.append((method, json.loads(message.payload)))
        answer = self.answers[method]
        client.publish(message.properties.ResponseTopic,
                       json.dumps(answer() if callable(answer) else answer), qos=1)

    def send(self, topic, payload, retain=True, qos=1):
        text = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        info = self.client.publish(f"baiye/{garden.SITE}/{topic}", text, qos=qos, retain=retain)
        if qos:
            info.wait_for_publish(10)

    def air(self, value, every_s=60, ts=None):
        self.send("plot/upper/live", {"ts": ts or int(time.time() * 1000), "every_s": every_s,
                                      "values": {"air_temperature": value}, "flags": {}})

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def start_broker(site):
    """A broker that also knows a screen: it reads the site, asks as itself, writes its preview."""
    site.broker = garden.Broker(site.folder, users=("gateway", "watcher", "led"))
    with open(site.folder / "acl", "a", encoding="ascii") as acl:
        acl.write(f"user led\ntopic read baiye/{garden.SITE}/#\n"
                  f"topic write baiye/{garden.SITE}/led/preview\n"
                  f"user gateway\ntopic readwrite baiye/{garden.SITE}/#\n")
    site.broker.start()
    return site.broker
