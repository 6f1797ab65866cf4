# SPDX-License-Identifier: Apache-2.0
"""What some devices want to be told: settings that they forget without power, and that the gateway
is still there."""
from garden import wait_until

from probe import Registers, device

FIELDS = "fields:\n  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }\n"
QUICK = "limits: { response_max: 50ms }\n"


def written(probe, register):
    return [(at, pdu) for at, pdu in probe.reads(function=6)
            if pdu[1:3] == register.to_bytes(2, "big")]


def test_a_setting_is_written_whenever_the_device_has_come(farm):
    state = {"silent": False}
    probe = Registers({0: 181, 16: 0},
                      special=lambda unit, pdu: b"" if state["silent"] else None)
    line = farm.line(probe)
    farm.profile(QUICK + FIELDS +
                 "writes: [{ name: mode, register: 16, min: 0, max: 9, value: 7, at_start: true }]\n")
    farm.start(line.bus(device()))
    farm.wait(5)
    writes = [pdu for _, pdu in written(probe, 16)]
    assert {*writes} == {bytes([6, 0, 16, 0, 7])}
    # Once; on a busy machine it may have been taken for gone.
    assert len(writes) <= 1 + farm.log().count("does not answer")
    before = len(written(probe, 16))
    state["silent"] = True
    farm.wait_log("does not answer")
    state["silent"] = False
    wait_until(lambda: len(written(probe, 16)) > before, 30, "once more")
    before = len(farm.readings())
    farm.wait(before + 3)
    assert probe.values[16] == 7


def test_a_watchdog_is_fed(farm):
    probe = Registers({0: 181, 16: 0})
    line = farm.line(probe)
    farm.profile(FIELDS +
                 "writes: [{ name: feed, register: 16, min: 1, max: 1, value: 1, every: 1s }]\n")
    farm.start(line.bus(device()))
    farm.wait(30, 30)
    times = [at for at, _ in written(probe, 16)]
    seconds = probe.asked[-1][0] - probe.asked[0][0]
    # As often as that, whatever the machine is busy with: polls come late then, too.
    assert seconds / 3 - 1 <= len(times) <= seconds + 2, (seconds, times)


def test_one_that_refuses_is_read_all_the_same(farm):
    probe = Registers({0: 181}, special=lambda unit, pdu: bytes([0x86, 2]) if pdu[0] == 6 else None)
    line = farm.line(probe)
    farm.profile(FIELDS +
                 "writes: [{ name: mode, register: 16, min: 0, max: 9, value: 7, at_start: true }]\n")
    farm.start(line.bus(device()))
    farm.wait(10)
    assert len(written(probe, 16)) <= 2  # and not before each poll
    farm.wait_log("mode can't be written (7): illegal data address; it is tried again")


def test_check_says_what_is_written_and_refuses_what_comes_too_seldom(farm):
    line = farm.line(Registers({0: 181}))
    farm.profile(FIELDS +
                 "writes: [{ name: feed, register: 16, min: 1, max: 1, value: 1, every: 30s }]\n")
    said = farm.check(line.bus(device(every="20s")))
    assert "feed is written by the gateway: 1 when the device has come and every 30 s" in said
    said = farm.check(line.bus(device(every="60s")), code=78)
    assert "needs feed written every 30 s, but is asked every 60 s" in said
