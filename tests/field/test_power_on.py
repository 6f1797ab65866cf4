# SPDX-License-Identifier: Apache-2.0
"""What a probe shows after it was switched on, and has not measured yet."""
import time

from garden import wait_until
from probe import Raw, Registers, device

FIELDS = """
fields:
  - { metric: air_temperature, function: 4, register: 0, type: s16, scale: 0.1%s }
  - { metric: air_humidity, function: 4, register: 1, scale: 0.1 }
"""
ZEROS = Raw.fromhex("01 04 04 00 00 00 00 FB 84")
MEASURED = bytes([4, 4, 0, 181, 2, 128])  # 18.1 °C, 64 %


def start(farm, head, more="", zeros=0):
    """`zeros`: so many answers at first, whatever it says, as long as it may."""
    state, given = {"says": MEASURED}, []

    def answer(unit, pdu):
        given.append(time.monotonic())
        return ZEROS if len(given) <= zeros and time.monotonic() - given[0] < 3 else state["says"]
    line = farm.line(Registers(special=answer))
    farm.profile(head + FIELDS % more)
    farm.start(line.bus(device()), alerts=[{"name": "frost", "metric": "air_temperature",
                                            "below": 2, "level": "alarm"}])
    return state


def test_zeros_alone_are_nothing(farm):
    state = start(farm, "all_zero: nothing\nlimits: { response_max: 50ms }\n")
    farm.wait(3)
    state["says"] = b""
    farm.wait_log("does not answer")
    state["says"] = ZEROS
    wait_until(lambda: farm.values("air_temperature")[-1] == "absent", 30, "it is nothing")
    assert farm.readings()[-1]["values"] == {}
    farm.wait(len(farm.readings()) + 3)
    assert set(farm.values("air_temperature")) == {18.1, "absent"}
    assert not [t for t in farm.site.watcher.retained if t.startswith("alert/rule-frost")]


def test_nothing_is_believed_while_it_warms_up(farm):
    state = start(farm, "warm_up: 4s\n", zeros=3)
    wait_until(lambda: 18.1 in farm.values("air_temperature"), 20, "then it is")
    first = farm.readings()[0]["ts"]
    early = [value for reading, value in zip(farm.readings(), farm.values("air_temperature"))
             if reading["ts"] - first < 3500]
    assert set(early) == {"absent"} and 0 not in farm.values("air_temperature")


def test_several_codes_mean_nothing(farm):
    state = start(farm, "", ", no_value: [32765, 32766, 32767]")
    farm.wait(2)
    for code in (32765, 32766, 32767):
        state["says"] = bytes([4, 4, code >> 8, code & 255, 2, 128])
        wait_until(lambda: farm.values("air_temperature")[-1] == "absent", 20, code)
        state["says"] = MEASURED
        wait_until(lambda: farm.values("air_temperature")[-1] == 18.1, 20, "it measures again")
    assert set(farm.values("air_temperature")) == {18.1, "absent"}
