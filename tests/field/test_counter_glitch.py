# SPDX-License-Identifier: Apache-2.0
"""A rain gauge whose counter gives one wrong answer, or goes on while no one asks."""
import pytest

from garden import wait_until
from probe import Registers, device

PROFILE = "fields:\n  - { metric: rainfall, role: counter, register: 0, scale: 0.1 }\n"


def booked(farm):
    return sum(v for v in farm.values("rainfall") if isinstance(v, float | int))


def script(codes):
    """Gives each code once, and the last one from then on."""
    left = list(codes)

    def answer(unit, pdu):
        code = left.pop(0) if len(left) > 1 else left[0]
        return bytes([3, 2, code >> 8, code & 255])
    return Registers(special=answer), left


@pytest.mark.parametrize("codes, sum_mm", [
    ((300, 0, 300, 305), 0.5), ((300, 60000, 300, 305), 0.5), ((300, 305, 0, 307), 0.7),
    ((300, 4, 6, 9), 0.9), ((65530, 2, 5), 1.1)])
def test_one_wrong_answer_is_no_rain(farm, codes, sum_mm):
    gauge, left = script(codes)
    line = farm.line(gauge)
    farm.profile(PROFILE)
    farm.start(line.bus(device()))
    wait_until(lambda: len(left) == 1, 20, "all was given")
    wait_until(lambda: booked(farm) == pytest.approx(sum_mm), 20, "it is booked")
    farm.wait(len(farm.readings()) + 4)
    assert booked(farm) == pytest.approx(sum_mm), farm.values("rainfall")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_falls_between_two_runs_is_booked(farm, how):
    gauge = Registers({0: 300})
    line = farm.line(gauge)
    farm.profile(PROFILE)
    gateway = farm.start(line.bus(device()))
    farm.wait(3)
    getattr(gateway, how)()
    gauge.values[0] = 345
    gateway.start()
    wait_until(lambda: booked(farm) == pytest.approx(4.5), 20, "what fell meanwhile")
    gauge.values[0] = 350
    wait_until(lambda: booked(farm) == pytest.approx(5.0), 20, "and since then")
    farm.wait(len(farm.readings()) + 4)
    assert booked(farm) == pytest.approx(5.0), farm.values("rainfall")
