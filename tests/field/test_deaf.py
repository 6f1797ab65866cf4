# SPDX-License-Identifier: Apache-2.0
"""Adapters and converters that answer, and then pass nothing on any more until they are opened
anew: on a serial port and behind a TCP connection."""
import os
import select
import threading
import time

from garden import wait_until
from probe import Registers, Serial, Tcp, device

PROFILE = "limits: { response_max: 500ms }\nfields:\n  - { metric: level, register: 0 }\n"
ANSWERS = 5  # between an opening and the deafness


class Deaf:
    """Answers a few requests after each opening."""

    def __init__(self, port):
        self.port, self.values, self.answered, self.silent = port, Registers({0: 77}), {}, []

    def __call__(self, unit, pdu):
        opened = self.port().times_opened()
        self.answered[opened] = self.answered.get(opened, 0) + 1
        if self.answered[opened] > ANSWERS:
            self.silent.append(time.monotonic())
            return b""
        return self.values(unit, pdu)


class WatchedSerial(Serial):
    """Notes when its port is opened: nobody but the gateway holds the other end."""

    def plug_in(self):
        super().plug_in()
        os.close(self.slave)
        self.openings, self.closed = [], True
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        poll = select.poll()
        poll.register(self.master, 0)
        while not self.stopping.is_set():
            gone = bool(poll.poll(0))  # POLLHUP while nobody has it open
            if self.closed and not gone:
                self.openings.append(time.monotonic())
            self.closed = gone
            time.sleep(0.002)

    def times_opened(self):
        return len(self.openings)

    def close(self):
        self.stopping.set()
        self.watcher.join(5)
        self.thread.join(5)
        os.close(self.master)


class WatchedTcp(Tcp):
    def times_opened(self):
        return len(self.opened)


def test_a_deaf_line_is_opened_anew_after_30_s(farm):
    """Serial and RTU over TCP at one time. That it is done once a minute at most is tested in virtual
    time, in tests/unit/bus/test_bus.c."""
    serial = WatchedSerial(Deaf(lambda: serial))
    converter = WatchedTcp(Deaf(lambda: converter), rtu=True)
    living = WatchedSerial(Registers({0: 7}, special=lambda u, pdu: b"" if u == 2 else None))
    farm.devices += [serial, converter, living]
    farm.profile(PROFILE)
    far = converter.bus(device("far", every="500ms"))
    fine = living.bus(device("fine", every="1s"), device("dead", address=2, every="1s"))
    farm.start(serial.bus(device(every="500ms")), far, {**fine, "name": "west"})
    for line, name in ((serial, "probe"), (converter, "far")):
        wait_until(lambda: line.times_opened() == 2, 90, "it is opened anew")
        farm.wait(1, name=name)
        wait_until(lambda: line.device.answered.get(2), 20, "it is asked anew")
        opened = (line.openings if line is serial else line.opened)[1]
        assert 20 <= opened - line.device.silent[0] <= 100
    for bus in ("east", "net"):
        assert f"bus {bus}: no unit has answered for 30 s" in farm.log()
        farm.wait_log(f"bus {bus}: units answer again")
    assert living.times_opened() == 1  # one unit that lives is enough
