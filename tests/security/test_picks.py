# SPDX-License-Identifier: Apache-2.0
"""Whoever notes picks as fast as it goes, and asks for all history besides, fills nothing and stops
nothing."""
import time

import garden
from garden import wait_until

A_DAY = 500  # picks of one user
PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


def pick(number):
    return {"id": f"pick-{number}", "plot": "upper", "day": "2026-04-01", "kg": 1, "pickers": 1,
            "sure": True}


def test_a_flood_of_picks_is_bounded_and_readings_go_on(site, needs):
    needs("baiye-field", "baiyed")
    site.start_broker(users=("gateway", "watcher", "farmer"))
    site.start_field(PROBES)
    site.start_watcher()
    site.start_gateway(more={"plots": [{"name": "upper", "devices": ["air"]}]})
    farmer = garden.Watcher(site.broker, user="farmer")
    try:
        wait_until(lambda: site.watcher.count("air") >= 2, 30, "readings")
        before, noted, refused, number = site.watcher.count("air"), 0, [], 0
        until = time.monotonic() + 120 * garden.SLOWEST
        while len(refused) < 20 and time.monotonic() < until:
            asked = [farmer.request("pick", pick(number + i), user="farmer") for i in range(8)]
            farmer.request("history", {"device": "air", "metric": "air_temperature", "from": 0,
                                       "to": int(time.time() * 1000)}, user="farmer")
            number += 8
            wait_until(lambda: all(one in farmer.answers for one in asked), 20, "answers")
            for answer in (farmer.answers[one] for one in asked):
                noted += answer.get("ok") is True
                refused += [answer["error"]] if "tomorrow" in str(answer.get("error")) else []
        assert refused and noted == A_DAY, (noted, refused[:1])
        mine = site.watcher.request("pick", pick("of-another"))
        wait_until(lambda: mine in site.watcher.answers, 10, "another user's answer")
        assert site.watcher.answers[mine] == {"ok": True}
        wait_until(lambda: site.watcher.count("air") >= before + 5, 30, "readings go on")
        assert not site.watcher.gaps
    finally:
        farmer.stop()
