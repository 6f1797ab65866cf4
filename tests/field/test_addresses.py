# SPDX-License-Identifier: Apache-2.0
"""Addresses beyond the standard's: unit 0 on TCP, 248 to 255 on a serial line."""
import pytest

from probe import Registers, device

PROFILE = "fields:\n  - { metric: level, register: 0 }\n"


def test_unit_0_on_tcp(farm):
    server = farm.server(Registers({0: 41}))
    farm.profile(PROFILE)
    farm.start(server.bus(device(address=0)))
    farm.wait(3)
    assert set(farm.values("level")) == {41}


@pytest.mark.parametrize("address", [248, 255])
def test_high_addresses_on_serial_with_a_warning(farm, address):
    line = farm.line(Registers({0: 42}))
    farm.profile(PROFILE)
    assert str(address) in farm.check(line.bus(device(address=address)))
    farm.start(line.bus(device(address=address)))
    farm.wait(3)
    assert set(farm.values("level")) == {42}
