# SPDX-License-Identifier: Apache-2.0
"""RS-485 has no sender: one frame that somebody puts in, or that was damaged into another good one,
costs no true reading, and nothing of it is published."""
import os
import select
import struct
import time
import tty

import pytest

import garden
from bench import crc16
from garden import wait_until
from probe import Serial, device, frame


class InBetween:
    """Passes on to a node of ours, whose answer about its sample may be made another once."""

    def __init__(self, port):
        self.fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.forge, self.forged = None, 0
        self.said = set()  # true (boot, seq)

    def __call__(self, unit, pdu):
        os.write(self.fd, frame([unit], pdu))
        answer, until = b"", time.monotonic() + 2
        while time.monotonic() < until and not (len(answer) > 4 and crc16(answer[:-2]) == answer[-2:]):
            if select.select([self.fd], [], [], 0.05)[0]:
                answer += os.read(self.fd, 512)
        return self.look(pdu, answer[1:-2])

    def look(self, asked, said):
        function, first, count = struct.unpack(">BHH", asked[:5])
        if function != 4 or first != 0 or count < 4 or said[:1] != b"\x04":
            return said
        boot, seq = struct.unpack_from(">HI", said, 4)
        if self.forge is None or seq == 0:
            self.said.add((boot, seq))
            return said
        boot, seq = self.forge(boot, seq)
        self.forge, self.forged = None, self.forged + 1
        return said[:4] + struct.pack(">HI", boot, seq & 0xFFFFFFFF) + said[10:]


class Line(Serial):
    """The node's own line takes the time; this one takes none."""

    def hear(self, unit, pdu):
        said = self.device(unit, pdu)
        if said:
            self.say(frame([unit], said))


@pytest.mark.parametrize("forge", [
    lambda boot, seq: (boot, seq + 90000), lambda boot, seq: (boot, seq + 199),
    lambda boot, seq: (boot, 0xFFFFFFFF), lambda boot, seq: (boot + 1, 90000),
    lambda boot, seq: (0xFFFF, 1), lambda boot, seq: (boot + 1, seq),
], ids=["far", "near", "last", "next-boot", "last-boot", "same-number"])
def test_one_forged_number_costs_no_true_reading(site, needs, forge):
    needs("baiyed", "baiye-field", "baiye-node")
    site.start_broker()
    site.start_watcher()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "native", "address": 1, "name": "air", "period_s": 1}]}])
    node = InBetween(site.field.port("east"))
    line = Line(node)
    site.gateway = garden.Gateway(site.folder, site.broker, [
        line.bus(device(name="air", profile="baiye-node", every="1s"))])
    site.gateway.start()
    try:
        wait_until(lambda: site.watcher.count("air") >= 4, 40, "readings")
        boot = max(node.said)[0]
        node.forge = forge
        wait_until(lambda: node.forged == 1, 10, "it was forged")
        reached = max(node.said)[1]
        wait_until(lambda: ("air", boot, reached + 12) in site.watcher.copy(), 60, "it goes on")
        began = min(seq for _, _, seq in site.watcher.copy())

        def true():
            return {(boot, seq) for _, seq in node.said if began <= seq <= reached + 12}

        def taken():
            return {key[1:] for key in site.watcher.copy()}
        wait_until(lambda: true() <= taken(), 60, f"all true ones: {true() - taken()} {site.watcher.gaps} {sorted(taken())[:20]}")
    finally:
        site.gateway.stop()
        line.close()
        os.close(node.fd)
    assert taken() <= {(boot, seq) for seq in range(1, max(node.said)[1] + 1)}, "made up"
    assert not site.watcher.gaps, site.watcher.gaps
