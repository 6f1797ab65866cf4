# SPDX-License-Identifier: Apache-2.0
"""brltty takes every adapter that looks like its own: the port comes and goes within a second."""
import os
import pty
import threading
import time
import tty

from garden import wait_until
from probe import Registers, Serial, device

PROFILE = "fields:\n  - { metric: level, register: 0 }\n"


class Taken:
    """A port that is there for a moment and then not, again and again."""

    def __init__(self, link, there=0.6, away=0.5):
        self.link, self.there, self.away = link, there, away
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            master, slave = pty.openpty()
            tty.setraw(slave)
            self.link.symlink_to(os.ttyname(slave))
            os.close(slave)
            time.sleep(self.there)
            self.link.unlink()
            os.close(master)
            time.sleep(self.away)

    def close(self):
        self.stopping.set()
        self.thread.join(5)


def test_a_port_that_comes_and_goes_names_who_takes_it(farm):
    link = farm.site.folder / "ttyUSB0"
    taken = Taken(link)
    farm.devices.append(taken)
    farm.profile(PROFILE)
    farm.start({"name": "east", "port": str(link), "baud": 9600, "devices": [device()]})
    wait_until(lambda: "brltty" in farm.bus_stats()["hint"], 30, "the hint names brltty")
    farm.wait_log("brltty")
    taken.close()
    farm.line(Registers({0: 5}), link=link)
    farm.wait(1)


def test_an_adapter_that_was_pulled_once_is_no_such_port(farm):
    link = farm.site.folder / "ttyUSB0"
    line = farm.line(Registers({0: 5}), link=link)
    farm.profile(PROFILE)
    farm.start(line.bus(device()))
    for count in (3, 6):
        farm.wait(count)
        old = line.master, line.slave
        line.plug_in()
        for fd in old:
            os.close(fd)
    farm.wait(12)
    assert "brltty" not in farm.log()
    assert isinstance(line, Serial) and farm.bus_stats()["hint"] == ""
