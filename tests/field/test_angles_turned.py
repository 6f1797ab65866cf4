# SPDX-License-Identifier: Apache-2.0
"""A vane that counts to both sides of north, or that was not mounted northwards: an angle goes round."""
import pytest

from probe import Registers, device

RANGE = "range"
VANES = [  # keys, code, what the device's own offset is, what is published
    ("type: s16, scale: 0.1", -100 & 0xFFFF, 0, 350),
    ("type: s16, scale: 0.1", -1800 & 0xFFFF, 0, 180),
    ("scale: 0.1", 3500, 30, 20),
    ("scale: 0.1", 100, -30, 340),
    ("scale: 0.1", 3300, 30, 360),
    ("scale: 0.1, offset: 180", 2700, 0, 90),
    ("scale: 0.1, offset: -90", 300, 0, 300),
    ("scale: 0.0054931640625", 65535, 0, 359.9945068359375),
    # no angle, and not made one
    ("scale: 0.1", 4000, 0, RANGE),
    ("scale: 0.1", 32767, -3000, RANGE),
    ("type: s16, scale: 0.1", -1900 & 0xFFFF, 0, RANGE),
]


def test_an_angle_goes_round(farm):
    line = farm.line(Registers({i: code for i, (_, code, _, _) in enumerate(VANES)}))
    farm.profile("fields:\n" + "".join(
        f"  - {{ metric: wind_direction, at: {i}, register: {i}, {keys} }}\n"
        for i, (keys, _, _, _) in enumerate(VANES)))
    farm.start(line.bus(device(offset={f"wind_direction_{i}": offset
                                       for i, (_, _, offset, _) in enumerate(VANES) if offset})))
    farm.wait(2)
    reading = farm.readings()[-1]
    for i, (keys, code, offset, shown) in enumerate(VANES):
        if shown == RANGE:
            assert reading["flags"].get(f"wind_direction_{i}") == RANGE, (keys, code, offset)
        else:
            assert f"wind_direction_{i}" not in reading["flags"], (keys, code, offset)
            assert reading["values"][f"wind_direction_{i}"] == pytest.approx(shown), (keys, code)
