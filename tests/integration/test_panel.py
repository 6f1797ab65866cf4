# SPDX-License-Identifier: Apache-2.0
"""Plain numbers for panel apps: ten messages beside one of `live`, so they go out as they change only
while somebody subscribes to one of them."""
import json
import socket
import threading

import paho.mqtt.client as paho
import yaml
from garden import SITE, Gateway, listens, wait_until

REGISTERS = 10
TOPIC = f"baiye/{SITE}/dev/r1/v/r3"


class Subscriber:
    """Of one of the numbers; `new` are those that are no retained ones."""

    def __init__(self, broker):
        self.retained, self.new, self.subscribed = [], [], threading.Event()
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.username_pw_set("watcher", broker.passwords["watcher"])
        self.client.on_message = lambda _c, _d, message: (
            self.retained if message.retain else self.new).append(message.payload)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.subscribe(TOPIC, 0)
        self.client.loop_start()
        assert self.subscribed.wait(10)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def stats(gateway):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(gateway.config["control"]["socket"])
        client.sendall(b'{"id":1,"method":"stats"}\n')
        with client.makefile() as answers:
            return json.loads(answers.readline())["result"]


def counted(gateway):
    """(readings taken, messages sent)"""
    found = stats(gateway)
    return found["store"]["taken"], found["brokers"][0]["messages"]


def start(site):
    """A device whose every register changes with every answer."""
    profiles = site.folder / "profiles"
    profiles.mkdir()
    (profiles / "responder.yaml").write_text(yaml.safe_dump({"label": "responder", "fields": [
        {"metric": f"r{i}", "register": i, "type": "u16"} for i in range(REGISTERS)]}))
    site.start_broker()
    site.start_field([{"name": "net", "type": "tcp",
                       "units": [{"kind": "responder", "address": 1, "count": 1}]}])
    site.gateway = Gateway(
        site.folder, site.broker,
        [{"name": "net", "type": "tcp", "port": site.field.port("net"), "devices": [
            {"name": "r1", "profile": "responder", "address": 1, "every": "1s"}]}],
        profiles=str(profiles))
    site.gateway.start()
    wait_until(lambda: listens(site.gateway.config["control"]["socket"]), 20, "it is up")


def test_plain_numbers_go_out_as_they_change_while_somebody_subscribes(site):
    start(site)
    gateway = site.gateway
    wait_until(lambda: counted(gateway)[1] >= REGISTERS, 30, "the first ones are out")
    taken, sent = counted(gateway)
    wait_until(lambda: counted(gateway)[0] >= taken + 8, 60, "8 readings more")
    # live, readings and what goes out now and then; all of them would be 80 more
    assert counted(gateway)[1] - sent < 50
    subscriber = Subscriber(site.broker)
    try:
        wait_until(lambda: subscriber.retained, 10, "the value that was kept")
        wait_until(lambda: len(subscriber.new) >= 3, 90, "that somebody subscribes is seen")
        before, taken = len(subscriber.new), counted(gateway)[0]
        wait_until(lambda: counted(gateway)[0] >= taken + 8, 60, "8 readings more")
        wait_until(lambda: len(subscriber.new) >= before + 6, 10, "as they change")
    finally:
        subscriber.stop()
