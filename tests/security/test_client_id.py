# SPDX-License-Identifier: Apache-2.0
"""Who may look at the site can't silence the gateway, nor can what is left of an earlier connection
make it look dead."""

import paho.mqtt.client as mqtt
import paho.mqtt.publish

from garden import FairClock, wait_until

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


class Statuses:
    """What is said of the gateway, with a client of its own."""
    def __init__(self, broker, user="watcher"):
        self.seen = []
        self.client = mqtt.Client(protocol=mqtt.MQTTv5)
        self.client.username_pw_set(user, broker.passwords[user])
        self.client.on_connect = lambda client, *_: client.subscribe("baiye/#", qos=1)
        self.client.on_message = self.note
        self.uuid = ""
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def note(self, _client, _data, message):
        if message.topic.endswith("/gateway/status"):
            self.seen.append(message.payload.decode())
        elif message.topic.endswith("/site"):
            self.uuid = message.payload.decode().split('"gw":"')[1][:36]
            self.site = message.topic.split("/")[1]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def begin(site):
    site.start_broker()
    site.start_field(PROBES)
    site.start_gateway()
    statuses = Statuses(site.broker)
    wait_until(lambda: statuses.uuid and "online" in statuses.seen, 15, "the gateway is online")
    return statuses


def test_what_topics_tell_is_not_enough_to_take_the_gateways_place(site, needs):
    needs("baiye-field", "baiyed")
    statuses = begin(site)
    statuses.seen.clear()
    guesses = [f"baiye-{statuses.site}-local-{statuses.uuid[:8]}",
               f"baiye-{statuses.site}-local-{statuses.uuid}", f"baiye-{statuses.site}-local",
               f"baiye-{statuses.uuid}", statuses.uuid]
    for guess in guesses:
        client = mqtt.Client(client_id=guess, protocol=mqtt.MQTTv5)
        client.username_pw_set("watcher", site.broker.passwords["watcher"])
        client.connect("127.0.0.1", site.broker.port)
        client.loop_start()
        wait_until(client.is_connected, 5, "the guesser is connected")
        client.disconnect()
        client.loop_stop()
    result = statuses.client.publish("baiye/none", b"", qos=1)  # everything before it was delivered
    result.wait_for_publish(5)
    statuses.close()
    assert "offline" not in statuses.seen


def test_an_earlier_connections_will_does_not_stand(site, needs):
    needs("baiye-field", "baiyed")
    statuses = begin(site)
    statuses.seen.clear()
    own_time = FairClock(site.gateway, site.broker)
    mqtt_user = {"username": "gateway", "password": site.broker.passwords["gateway"]}
    paho.mqtt.publish.single(f"baiye/{statuses.site}/gateway/status", "offline", qos=1, retain=True,
                             hostname="127.0.0.1", port=site.broker.port, auth=mqtt_user)
    wait_until(lambda: statuses.seen[-2:] == ["offline", "online"], 5, "online is said again")
    assert own_time() < 5
    statuses.close()
