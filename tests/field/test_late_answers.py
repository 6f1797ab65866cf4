# SPDX-License-Identifier: Apache-2.0
"""A unit that answers later than it may: no value is ever the answer to an earlier request."""
import random
import signal
import struct
import threading
import time

import pytest

from probe import Registers, device

PROFILE = """
limits: { response_max: 50ms }
fields:
  - { metric: first, register: 0 }
  - { metric: second, register: 100 }
"""


@pytest.mark.parametrize("least_ms, most_ms", [(30, 100), (30, 180)])
def test_no_value_is_an_earlier_requests(farm, least_ms, most_ms):
    lateness = random.Random(7)
    given, asked = {}, []  # (register, number): when its answer was written

    def answer(unit, pdu):
        register = struct.unpack(">H", pdu[1:3])[0]
        number = sum(1 for _, r in asked if r == register)
        asked.append((time.monotonic(), register))
        time.sleep(lateness.uniform(least_ms, most_ms) / 1000)
        given[register, number] = time.monotonic()
        count = pdu[4]
        return bytes([3, 2 * count]) + struct.pack(">HH", 1000 + 200 * register + number,
                                                   9999)[:2 * count] + bytes(2 * max(0, count - 2))
    line = farm.line(Registers(special=answer), delay=0)
    farm.profile(PROFILE)
    farm.start(line.bus(device(every="100ms")))
    farm.wait(30, 60)
    for reading in farm.readings():
        for metric, register in (("first", 0), ("second", 100)):
            if metric not in reading["values"]:
                continue
            number = reading["values"][metric] - 1000 - 200 * register
            assert (register, number) in given, reading
            later = [at for at, r in asked if r == register][int(number) + 1:]
            assert not later or given[register, number] < later[0], reading


@pytest.mark.parametrize("how", ["kill", "reload"])
def test_nor_one_of_the_process_before(farm, how):
    """What was asked before a restart is answered after it: a new process can't know of that."""
    slow, hangs = threading.Event(), threading.Event()

    def answer(unit, pdu):
        register, count = struct.unpack(">HH", pdu[1:5])
        if register == 100 and slow.is_set():
            slow.clear()
            hangs.set()
            time.sleep(0.7)
        return bytes([3, 2 * count]) + struct.pack(">H", 1000 + register) + bytes(2 * count - 2)
    made = Registers(special=answer)
    line = farm.line(made, delay=0)
    farm.profile(PROFILE.replace("50ms", "1s"))
    gateway = farm.start(line.bus(device(every="200ms")))
    farm.wait(3)
    for _ in range(3):
        hangs.clear()
        slow.set()
        assert hangs.wait(120)
        if how == "kill":
            gateway.kill()
            gateway.start()
        else:
            gateway.child.send_signal(signal.SIGHUP)
        before = len(farm.readings())
        farm.wait(before + 5, 30)
    assert set(farm.values("first")) <= {1000, None}
    assert set(farm.values("second")) <= {1100, None}
