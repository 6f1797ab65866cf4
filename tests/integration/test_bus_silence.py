# SPDX-License-Identifier: Apache-2.0
"""A device that hears no request sooner than some multiple of t3.5 after the last bit on the line
gets the silence that it needs, by itself; its neighbours keep the standard's."""
import json
import subprocess

import pytest

import garden
from garden import wait_until
from test_bus_line import bus

BAUD = 2400
T35_US = 3.5 * 10 / BAUD * 1e6
FAST, SLOW = 1, 2


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiye-field", "baiyed", "baiye")


def test_a_device_that_hears_no_early_request_gets_more_silence(site):
    site.start_broker()
    site.start_field([{"name": "line", "baud": BAUD, "units": [
        {"kind": "rs-ws-n01-tr", "address": FAST},
        {"kind": "rs-ws-n01-tr", "address": SLOW, "silence": 1.5}]}])
    devices = [(f"line-{address}", "rs-ws-n01-tr", address, "50ms", {"baud": BAUD})
               for address in (FAST, SLOW)]
    site.gateway = garden.Gateway(
        site.folder, site.broker, [bus(site, "line", devices, BAUD, allow_overload=True)])
    site.gateway.start()

    def stats(address, *options):
        return subprocess.run([garden.program("baiye"), "stats", f"line-{address}", *options,
                               "--socket", site.folder / "baiyed.sock"], capture_output=True,
                              text=True, timeout=120, check=True).stdout

    def silence_us(address):
        return json.loads(stats(address, "--json")).get("silence_us", 0)

    def settled():
        """Of a hundred polls next to none was lost, with the silence that it needs."""
        before = site.field.counts("line")
        wait_until(lambda: site.field.counts("line")["requests"] > before["requests"] + 100, 60,
                   "a hundred polls")
        after = site.field.counts("line")
        return after["unheard"] - before["unheard"] <= 2 and \
            1.5 * T35_US * 0.97 <= silence_us(SLOW) <= 1.75 * T35_US

    wait_until(lambda: site.field.counts("line")["answers"] > 0, 20, "it polls")
    # On the way there it goes through shorter ones, by halves. Health is made every 10 s.
    wait_until(settled, 150, "it is given what it needs")
    assert abs(silence_us(FAST) - T35_US) < 10
    assert "silence before its requests: 1" in stats(FAST)
