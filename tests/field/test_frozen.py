# SPDX-License-Identifier: Apache-2.0
"""A probe that gives the same raw answer for longer than nature allows is stuck: per metric, and
never what may well stand still."""
from garden import wait_until
from probe import Registers, device

PROFILE = """fields:
  - { metric: air_temperature, register: 0, scale: 0.1, stuck: 2s }
  - { metric: air_humidity, register: 1, scale: 0.1 }
  - { metric: soil_ph, register: 2, scale: 0.1 }
  - { metric: soil_moisture, register: 3, scale: 0.1, stuck: 2s }
  - { metric: rainfall, register: 4, role: counter, scale: 0.1 }
"""


def flags(farm):
    return [reading.get("flags", {}) for reading in farm.readings()]


def test_what_does_not_move_is_stuck_until_it_moves(farm):
    values = Registers({0: 251, 1: 800, 2: 45, 3: 310, 4: 7})
    line = farm.line(values)
    farm.profile(PROFILE)
    farm.start(line.bus(device(every="200ms")))
    farm.wait(3)
    assert "air_temperature" not in flags(farm)[0]
    wait_until(lambda: flags(farm)[-1].get("air_temperature") == "stuck", 30, "it is stuck")
    assert flags(farm)[-1].get("soil_moisture") == "stuck"
    assert farm.values("air_temperature")[-1] == 25.1  # kept, and flagged
    assert not any(name in flag for flag in flags(farm)
                   for name in ("air_humidity", "soil_ph"))
    assert not any(flag.get("rainfall") == "stuck" for flag in flags(farm))
    wait_until(lambda: "has not moved for hours" in farm.baiye("alert", "list"), 30, "it is told")
    values.values[0] = 252
    wait_until(lambda: farm.values("air_temperature")[-1] == 25.2, 10, "it moves")
    assert "air_temperature" not in flags(farm)[-1]


def test_a_restart_is_no_movement(farm):
    """A gateway that is switched off each night finds it, too; what moved meanwhile begins anew."""
    values = Registers({0: 251, 1: 800, 2: 45, 3: 310, 4: 7})
    line = farm.line(values)
    farm.profile(PROFILE)
    gateway = farm.start(line.bus(device(every="200ms")))
    wait_until(lambda: flags(farm)[-1:] and flags(farm)[-1].get("air_temperature") == "stuck", 30,
               "it is stuck")
    gateway.kill()
    values.values[3] = 311
    boot = farm.readings()[-1]["boot"]
    gateway.start()
    first = wait_until(lambda: farm.readings(since=boot), 20, "it goes on")[0].get("flags", {})
    assert first.get("air_temperature") == "stuck"
    assert "soil_moisture" not in first
    values.values[0] = 252
    wait_until(lambda: farm.values("air_temperature")[-1] == 25.2, 10, "it moves")
    assert "air_temperature" not in flags(farm)[-1]
