# SPDX-License-Identifier: Apache-2.0
"""New nodes all have one address: on one line they are found by their serial numbers, each gets an
address of its own, and then they are polled; also on a machine that has much else to do. What the
command makes of nodes that come too late or speak at once is tested against a line that is played
here (tests/unit/node/test_arbitration.c has arbitration itself, in virtual time)."""
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import threading
import tty

import pytest

import garden
from bench import crc16

COUNT, FACTORY, FIRST_SERIAL, FIRST_ADDRESS = 4, 247, 1000, 11
SERIALS = {FIRST_SERIAL + i for i in range(COUNT)}


@pytest.fixture
def baiye(site, needs):
    """Runs the command with a gateway that polls addresses where nobody is yet."""
    needs("baiyed", "baiye-field", "baiye-node", "baiye")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "native", "address": FACTORY, "name": f"new-{i}", "period_s": 2}
        for i in range(COUNT)]}])
    site.start_watcher()
    site.gateway = garden.Gateway(site.folder, site.broker, [
        {"name": "east", "type": "rtu", "port": site.field.port("east"), "baud": 9600,
         "parity": "none", "devices": [
             {"name": f"plot-{i}", "profile": "baiye-node", "address": FIRST_ADDRESS + i,
              "every": "2s"} for i in range(COUNT)]}])
    site.gateway.start()
    garden.wait_until(lambda: garden.listens(site.folder / "baiyed.sock"), 20, "the control socket")

    def run(*arguments, code=0):
        done = subprocess.run([garden.program("baiye"), *[str(part) for part in arguments],
                               "--socket", site.folder / "baiyed.sock"],
                              capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


def label(serial):
    """As it stands on the board: two groups and a check digit, computed here in another way."""
    def times_x(element):
        return element << 1 ^ (19 if element & 8 else 0)
    total = 0
    for digit in f"{serial:08X}":  # Horner's scheme over GF(16)
        total = times_x(total ^ int(digit, 16))
    return f"{serial >> 16:04X}-{serial & 0xFFFF:04X}-{total:X}"


def found(text):
    """{serial: address} of what one scan says."""
    nodes = {}
    for words, unit in re.findall(r"^serial number ([0-9A-F-]{11}) at address (\d+)$", text, re.M):
        serial = int(words[:9].replace("-", ""), 16)
        assert words == label(serial)
        nodes[serial] = int(unit)
    assert f"{len(nodes)} found\n" in text, text
    return nodes


def test_nodes_with_one_address_get_their_own_by_serial_number(baiye, site):
    assert found(baiye("nodes", "east")) == dict.fromkeys(SERIALS, FACTORY)
    # What a program takes from there, `baiye address` takes.
    nodes = json.loads(baiye("nodes", "east", "--json"))["nodes"]
    assert {one["serial"]: one["serial_text"] for one in nodes} == {serial: label(serial) for serial in SERIALS}
    for i in range(COUNT):
        said = baiye("address", "east", label(FIRST_SERIAL + i), FIRST_ADDRESS + i)
        assert f"serial number {label(FIRST_SERIAL + i)} answers at address {FIRST_ADDRESS + i}" in said
    baiye("address", "east", f"{FIRST_SERIAL:08x}", FIRST_ADDRESS)  # it has it already
    slip = label(FIRST_SERIAL)[:8] + "0" + label(FIRST_SERIAL)[9:]
    assert "its last digit does not fit" in baiye("address", "east", slip, 99, code=64)
    text = baiye("address", "east", label(FIRST_SERIAL), FIRST_ADDRESS + 1, code=1)
    assert f"another device answers at address {FIRST_ADDRESS + 1} already" in text
    text = baiye("address", "east", label(FIRST_SERIAL + COUNT), 99, code=1)
    assert f"no node of ours with serial number {label(FIRST_SERIAL + COUNT)} answers" in text
    assert site.gateway.stop() == 0  # it looks for the dead only now and then
    site.gateway.start()
    garden.wait_until(lambda: all(site.watcher.count(f"plot-{i}") for i in range(COUNT)), 120,
                      "every node is polled at its own address")


def test_nodes_are_found_on_a_busy_machine(baiye):
    """Three loops that never rest for each processor."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(3 * os.cpu_count())]
    try:
        assert found(baiye("nodes", "east")) == dict.fromkeys(SERIALS, FACTORY)
    finally:
        for loop in busy:
            loop.kill()
            loop.wait(10)


class PlayedLine:
    """Nodes that only take part in scans: {serial: (address, rounds that it comes too late for)}."""

    def __init__(self, nodes):
        self.nodes, self.round, self.told, self.collide = nodes, 0, set(), True
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.stopping = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def answer(self, what):
        if what == 1:
            self.round, self.told = self.round + 1, set()
        left = [serial for serial, (_, late) in sorted(self.nodes.items())
                if serial not in self.told and self.round > late]
        if left and self.collide:  # two that did not hear each other
            self.collide = False
            return b"\xff\xfd\x46\x03\xa7\x00\x13"
        frame = bytes([0xFD, 0x46, 0x04])
        if left:
            self.told.add(left[0])
            frame = struct.pack(">BBBIB", 0xFD, 0x46, 0x03, left[0], self.nodes[left[0]][0])
        return b"\xff" * 9 + frame + crc16(frame)

    def listen(self):
        heard = b""
        while not self.stopping:
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            heard = (heard + os.read(self.master, 512))[-64:]
            for what in (1, 2):
                request = bytes([0xFD, 0x46, what])
                if heard.endswith(request + crc16(request)):
                    heard = b""
                    os.write(self.master, self.answer(what))

    def close(self):
        self.stopping = True
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)


def test_a_scan_goes_on_until_a_round_finds_nobody_new(site, needs):
    needs("baiyed", "baiye")
    nodes = {7: (247, 0), 1000: (247, 0), 0x0FFFFFFE: (12, 0), 40: (247, 1), 41: (3, 2)}
    line = PlayedLine(nodes)
    try:
        site.start_broker()
        site.gateway = garden.Gateway(site.folder, site.broker, [
            {"name": "east", "type": "rtu", "port": line.port, "baud": 9600, "parity": "none",
             "devices": [{"name": "plot", "profile": "baiye-node", "address": 99,
                          "every": "1h"}]}])
        site.gateway.start()
        garden.wait_until(lambda: garden.listens(site.folder / "baiyed.sock"), 20, "the control socket")
        text = subprocess.run([garden.program("baiye"), "nodes", "east", "--socket",
                               site.folder / "baiyed.sock"], capture_output=True, text=True,
                              check=True).stdout
        assert found(text) == {serial: address for serial, (address, _) in nodes.items()}, text
        assert line.round == 4, "the last one found nobody new"
    finally:
        site.gateway.stop()
        line.close()
