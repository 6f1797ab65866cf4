# SPDX-License-Identifier: Apache-2.0
"""What a probe shows after it was switched on, and has not measured yet."""
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
    """`zeros`: so many answers at first, whatever it says."""
    state, given = {"says": MEASURED}, []

    def answer(unit, pdu):
        given.append(pdu)
        return ZEROS if len(given) <= zeros else state["says"]
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
    before = len(farm.readings())
    farm.wait(before + 3, 30)
    assert farm.readings()[before + 1]["values"] == {}
    assert farm.values("air_temperature")[before + 1] == "absent"
    assert not [t for t in farm.site.watcher.retained if t.startswith("alert/rule-frost")]


def test_nothing_is_believed_while_it_warms_up(farm):
    state = start(farm, "warm_up: 4s\n", zeros=3)
    farm.wait(3)
    assert set(farm.values("air_temperature")[:3]) == {"absent"}
    wait_until(lambda: 18.1 in farm.values("air_temperature"), 10, "then it is")
    assert 0 not in farm.values("air_temperature")


def test_several_codes_mean_nothing(farm):
    state = start(farm, "", ", no_value: [32765, 32766, 32767]")
    farm.wait(2)
    for code in (32765, 32766, 32767):
        before = len(farm.readings())
        state["says"] = bytes([4, 4, code >> 8, code & 255, 2, 128])
        farm.wait(before + 3)
        assert farm.values("air_temperature")[before + 1] == "absent", code
