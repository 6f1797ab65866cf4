# SPDX-License-Identifier: Apache-2.0
"""What the gateway announces, and takes back: devices that are gone or renamed leave no retained
document behind; Home Assistant sees nothing old as fresh."""
import datetime
import json
import threading

import jinja2
import paho.mqtt.client as paho
import pytest
from garden import SITE, Gateway, wait_until

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"},
    {"kind": "zts-3001", "address": 7, "name": "soil"}]}]


def retained(broker):
    """What a client that comes now is given: topic -> payload."""
    seen, done = {}, threading.Event()
    client = paho.Client(protocol=paho.MQTTv5)
    client.username_pw_set("gateway", broker.passwords["gateway"])

    def message(_client, _data, one):
        if one.topic.endswith("/end"):
            done.set()
        elif one.retain:
            seen[one.topic] = one.payload.decode()

    client.on_message = message
    client.on_subscribe = lambda *_: client.publish(f"baiye/{SITE}/end", b"x", qos=1)
    client.connect("127.0.0.1", broker.port)
    client.subscribe([("homeassistant/#", 1), (f"baiye/{SITE}/#", 1)])
    client.loop_start()
    assert done.wait(10)
    client.disconnect()
    client.loop_stop()
    return seen


def of(seen, name):
    return sorted(t for t in seen if f"/{name}/" in t or f"-{name}/" in t)


def begin(site):
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    site.gateway = Gateway(site.folder, site.broker, site.buses("1s"),
                           plots=[{"name": "upper", "devices": ["air", "soil"]}])
    site.gateway.start()
    wait_until(lambda: len(of(retained(site.broker), "soil")) >= 9 and
               of(retained(site.broker), "upper"), 30, "all is announced")


def again(site, **changes):
    site.gateway.stop()
    site.gateway.config.update(changes)
    site.gateway.write_config()
    site.gateway.start()


def test_a_renamed_device_leaves_nothing_behind(site, needs):
    needs("baiye-field", "baiyed")
    begin(site)
    buses = site.buses("1s")
    buses[0]["devices"][1]["name"] = "earth"
    again(site, buses=buses, plots=[{"name": "lower", "devices": ["air", "earth"]}])
    wait_until(lambda: len(of(retained(site.broker), "earth")) >= 9, 30, "the new name is announced")
    wait_until(lambda: not of(retained(site.broker), "soil"), 10,
               f"the old one is gone: {of(retained(site.broker), 'soil')}")
    assert not of(retained(site.broker), "upper") and of(retained(site.broker), "lower")
    assert len(of(retained(site.broker), "air")) >= 4, "what is still there stays"


def test_a_broker_that_was_away_is_emptied_when_it_is_back(site, needs):
    needs("baiye-field", "baiyed")
    begin(site)
    site.gateway.stop()
    site.broker.stop()
    buses = site.buses("1s")
    del buses[0]["devices"][1]
    again(site, buses=buses, plots=[])
    wait_until(lambda: "no connection" in site.gateway.log(), 20, "the broker is missed")
    again(site)  # and again, before it ever was there
    site.broker.start()
    wait_until(lambda: not of(retained(site.broker), "soil"), 30, "the device is gone")
    assert of(retained(site.broker), "air")


class FakeNow:
    def __init__(self, ms):
        self.ms = ms

    def __call__(self):
        return datetime.datetime.fromtimestamp(self.ms / 1000)


@pytest.mark.parametrize("age_s,value", [(0, "21.5"), (7, "21.5"), (8, "None"), (86400, "None")])
def test_home_assistant_takes_no_retained_value_for_a_fresh_one(site, needs, age_s, value):
    """2.5 periods of a second, and five: 7.5 s."""
    needs("baiye-field", "baiyed")
    begin(site)
    seen = retained(site.broker)
    device = json.loads(seen[f"homeassistant/device/baiye-{SITE}-air/config"])
    template = device["cmps"]["air_temperature"]["value_template"]
    environment = jinja2.Environment(autoescape=False)
    live = {"ts": 1795293274123, "values": {"air_temperature": 21.5}}
    assert environment.from_string(template).render(
        value_json=live, now=FakeNow(live["ts"] + age_s * 1000)) == value
    assert device["expire_after"] == 8
    topics = {entry["topic"]: entry.get("value_template") for entry in device["availability"]}
    assert device["availability_mode"] == "all" and set(topics) == {
        f"baiye/{SITE}/gateway/status", f"baiye/{SITE}/dev/air/health"}
    health = environment.from_string(topics[f"baiye/{SITE}/dev/air/health"])
    assert health.render(value_json={"online": True}) == "online"
    assert health.render(value_json={"online": False}) == "offline"


def test_a_unit_that_is_not_the_classes_has_no_class(site, needs):
    needs("baiye-field", "baiyed")
    profiles = site.folder / "profiles"
    profiles.mkdir()
    (profiles / "xy-md02.yaml").write_text(
        "label: own\nfields:\n"
        "  - { metric: air_temperature, register: 1, function: 4, type: s16, scale: 0.18, offset: 32, unit: '°F?' }\n"
        "  - { metric: air_humidity, register: 2, function: 4, scale: 0.1 }\n")
    site.start_broker()
    site.start_field(PROBES)
    site.gateway = Gateway(site.folder, site.broker, site.buses("1s"), profiles=str(profiles))
    site.gateway.start()
    topic = f"homeassistant/device/baiye-{SITE}-air/config"
    wait_until(lambda: topic in retained(site.broker), 20, "it is announced")
    parts = json.loads(retained(site.broker)[topic])["cmps"]
    assert "device_class" not in parts["air_temperature"]
    assert parts["air_temperature"]["unit_of_measurement"] == "°F?"
    assert parts["air_humidity"]["device_class"] == "humidity"
