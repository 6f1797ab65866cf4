# SPDX-License-Identifier: Apache-2.0
"""A device that is polled is not called silent because a request of the survey, or its answer, was
lost."""
import json

from garden import wait_until
from probe import Registers, device

LOOK = bytes([3, 0, 0, 0, 1])  # the survey's; no poll asks for that


def test_two_lost_requests_make_no_device_silent(farm):
    lost = []

    def lose(unit, pdu):
        if unit == 1 and pdu == LOOK and len(lost) < 2:
            lost.append(pdu)
            return b""
        return None if unit == 1 else b""

    farm.profile("fields:\n  - { metric: level, register: 5 }\n")
    line = farm.line(Registers({0: 1, 5: 7}, special=lose))
    farm.start(line.bus(device(every="1s")))
    wait_until(lambda: farm.device_stats()["online"], 20, "it is polled")
    said = json.loads(farm.baiye("commission", "east", "--own-rate", "--json", "--config",
                                 farm.site.gateway.config_path))
    assert said["silent"] == [] and len(lost) == 2, said
