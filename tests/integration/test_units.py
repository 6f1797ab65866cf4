# SPDX-License-Identifier: Apache-2.0
"""A metric has one unit in all that the site shows, whatever its devices' profiles give: in the site
document, the devices' and the plots' values and the history. (That app and screen write the site
document's unit: tests/app/unit/unit.test.ts, tests/unit/led/test_led_text.c.)"""
import json

import pytest
from garden import Gateway, wait_until

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "first"},
    {"kind": "xy-md02", "address": 2, "name": "second"}]}]
# An afternoon in August, some 28 °C: in °F more than any thermometer may show in °C.
WEATHER = {"speed": 1, "start": "2026-08-01T06:00:00Z"}
PROFILE = """label: ours
fields:
  - { metric: air_temperature, register: 1, function: 4, type: s16, scale: 0.18, offset: 32, unit: "°F" }
  - { metric: air_humidity, register: 2, function: 4, scale: 0.1 }
"""


def begin(site, profiles):
    (site.folder / "profiles").mkdir()
    (site.folder / "profiles" / "ours.yaml").write_text(PROFILE)
    site.start_broker()
    site.start_field(PROBES, weather=WEATHER)
    site.start_watcher()
    buses = site.buses("1s")
    for device, profile in zip(buses[0]["devices"], profiles):
        device["profile"] = profile
    site.gateway = Gateway(site.folder, site.broker, buses, profiles=str(site.folder / "profiles"),
                           plots=[{"name": "upper", "devices": ["first", "second"]}])
    site.gateway.start()


def document(site, topic):
    payload = site.watcher.retained.get(topic)
    return json.loads(payload) if payload else {}


def shown(site):
    """The temperatures of both devices and of their plot, once all are there."""
    values = [site.watcher.live.get(name, {}).get("values", {}).get("air_temperature")
              for name in ("first", "second")]
    values.append(document(site, "plot/upper/live").get("values", {}).get("air_temperature"))
    return None if None in values else values


def history(site, what):
    asked = site.watcher.request("history", {**what, "metric": "air_temperature", "from": 0,
                                             "to": 4102444800000, "step": "hour"})
    answer = wait_until(lambda: site.watcher.answers.get(asked), 120, "the history")
    return [mean for mean in answer["mean"] if mean is not None]


@pytest.mark.parametrize("profiles, unit, warm", [
    (("ours", "xy-md02"), "°F", 34), (("xy-md02", "ours"), "°C", 0), (("ours", "ours"), "°F", 34)])
def test_a_metric_has_one_unit(site, needs, profiles, unit, warm):
    """Both stand in the same air: no two of their numbers are five degrees apart."""
    needs("baiye-field", "baiyed")
    begin(site, profiles)
    values = wait_until(lambda: shown(site), 120, "values of both, and of the plot")
    assert document(site, "site")["metrics"]["air_temperature"]["unit"] == unit
    wait_until(lambda: site.watcher.count() >= 6, 120, "readings")
    for what in ({"device": "first"}, {"device": "second"}, {"plot": "upper"}):
        values += history(site, what)
    assert max(values) - min(values) < 5, values
    assert min(values) > warm, values
