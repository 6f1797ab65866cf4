# SPDX-License-Identifier: Apache-2.0
"""What is published, read by an independent client, is what the schemas of protocols/mqtt say."""
import json
import threading

import garden
import jsonschema
import paho.mqtt.client as paho
import pytest
from gateway import Gateway

SCHEMAS = garden.ROOT / "protocols" / "mqtt"


def schema(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


def kind(topic):
    """The schema of a topic, or None for a plain number."""
    if topic.startswith("homeassistant/"):
        return "discovery"
    parts = topic.split("/")[2:]
    if parts[0] == "dev":
        return None if parts[2] == "v" else parts[2]
    if parts[0] == "gateway":
        return parts[1]
    return {"plot": "plot", "alert": "alert"}.get(parts[0], parts[0])


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda p: p.name)
def test_every_schema_is_one(path):
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_every_message_fits_its_schema(broker, gateways):
    acl = broker.folder / "acl"
    acl.write_text(acl.read_text().replace("user watcher\n",
                                           "user watcher\ntopic read homeassistant/#\n"))
    broker.start()
    seen, lock = {}, threading.Lock()

    def message(_client, _data, one):
        with lock:
            seen.setdefault(one.topic, []).append(one.payload)

    client = paho.Client(protocol=paho.MQTTv5)
    client.username_pw_set("watcher", broker.passwords["watcher"])
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = message
    client.connect("127.0.0.1", broker.port)
    client.subscribe([("#", 1)])
    client.loop_start()
    assert ready.wait(120)
    gateway = gateways(*Gateway.broker_arguments(broker), "--rate", 40)
    wanted = {"status", "log", "site", "live", "plot", "readings", "discovery", None}
    garden.wait_until(lambda: {kind(topic) for topic in list(seen)} >= wanted, 10,
                      f"all kinds of messages: {list(seen)}")
    assert gateway.quit() == 0
    garden.wait_until(lambda: seen[f"baiye/{garden.SITE}/gateway/status"][-1] == b"offline", 5,
                      "offline is said")
    client.loop_stop()
    client.disconnect()
    for topic, payloads in seen.items():
        for payload in payloads:
            name = kind(topic)
            if name is None:
                float(payload)
                assert payload == payload.strip()
            elif name == "status":
                jsonschema.validate(payload.decode(), schema(name))
            elif payload:
                jsonschema.validate(json.loads(payload), schema(name))
