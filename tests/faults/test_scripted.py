# SPDX-License-Identifier: Apache-2.0
"""What mosquitto does not do on demand: acknowledgements lost, doubled, refused."""
import json
import socket
import struct
import time

import garden
import pytest
from gateway import assert_true
from scripted import ScriptedBroker


@pytest.fixture
def scripted():
    made = []

    def make(*arguments, **more):
        made.append(ScriptedBroker(*arguments, **more))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


def wait_taken(broker, count, seconds=30):
    garden.wait_until(lambda: broker.count() >= count, seconds, f"{count} readings are taken")
    assert broker.count() == count
    assert_true(broker.taken)


@pytest.mark.parametrize("verdict", ["twice", "unknown", 0x10])
def test_odd_acknowledgements_do_no_harm(verdict, scripted, gateways):
    broker = scripted(lambda *_: verdict)
    gateway = gateways("--broker", broker.port)
    gateway.put(800)
    wait_taken(broker, 800)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 10, "delivered")
    assert gateway.stats()["brokers"][0]["restarts"] == 0


def test_lost_acknowledgements_mean_connecting_anew(scripted, gateways):
    """A link that is half open: found by the age of the oldest message in flight."""
    broker = scripted(lambda _broker, number, *_: "silent" if number == 1 else 0)
    gateway = gateways("--broker", broker.port, "--keepalive", 1, "--rate", 100)
    garden.wait_until(lambda: broker.connects >= 2, 15, "connected anew")
    gateway.ask("rate 0")
    wait_taken(broker, gateway.stats()["taken"])


def test_a_silent_broker_gets_no_more_than_the_window(scripted, gateways):
    broker = scripted(lambda *_: "silent")
    gateway = gateways("--broker", broker.port, "--rate", 2000)
    garden.wait_until(lambda: broker.in_flight_most >= 1, 10, "messages in flight")
    garden.wait_until(lambda: gateway.stats()["stored"] > 10000, 20, "storing goes on")
    assert broker.in_flight_most <= 16
    assert gateway.stats()["brokers"][0]["cursor"] == 1


@pytest.mark.parametrize("reason", [0x87, 0x97, 0x80, 0x83])
def test_a_refusal_keeps_everything_and_is_no_busy_loop(reason, scripted, gateways):
    refusing = {"on": True}
    broker = scripted(lambda *_: reason if refusing["on"] else 0)
    gateway = gateways("--broker", broker.port)
    gateway.put(80)
    gateway.wait_state("refused")
    first, began = broker.sent, time.monotonic()
    garden.wait_until(lambda: broker.sent > first, 15, "it is tried again")
    assert (broker.sent - first) / max(time.monotonic() - began, 1) < 20
    assert gateway.stats()["brokers"][0]["cursor"] == 1
    refusing["on"] = False
    wait_taken(broker, 80)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["state"] == "up", 10, "well again")


def test_one_record_refused_for_good_does_not_block_the_others(scripted, gateways):
    def script(_broker, _number, _topic, payload):
        bad = any(r.get("d") == "plot-3" and r.get("seq") == 5
                  for r in json.loads(payload)["readings"])
        return 0x99 if bad else 0

    broker = scripted(script)
    gateway = gateways("--broker", broker.port)
    gateway.put(400)
    wait_taken(broker, 399)
    garden.wait_until(lambda: gateway.stats()["quarantined"] == 1, 10, "kept aside")
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 10, "the head is free")


def test_the_brokers_packet_limit_is_kept(scripted, gateways):
    sizes = []

    def script(_broker, _number, _topic, payload):
        sizes.append(len(payload))
        return 0

    limit = b"\x27" + struct.pack(">I", 4096)
    broker = scripted(script, connack_properties=limit)
    gateway = gateways("--broker", broker.port)
    gateway.put(800)
    wait_taken(broker, 800)
    assert max(sizes) <= 4096 - 64


def test_the_brokers_receive_maximum_is_kept(scripted, gateways):
    broker = scripted(lambda *_: "silent", connack_properties=b"\x21" + struct.pack(">H", 3))
    gateway = gateways("--broker", broker.port, "--rate", 1000, "--no-panel")
    garden.wait_until(lambda: broker.in_flight_most >= 1, 10, "messages in flight")
    garden.wait_until(lambda: gateway.stats()["stored"] > 3000, 10, "storing goes on")
    assert broker.in_flight_most <= 3


def test_a_flapping_connection_backs_off_and_loses_nothing(scripted, gateways):
    broker = scripted(lambda _broker, number, *_: "close" if number < 6 else 0)
    gateway = gateways("--broker", broker.port)
    gateway.put(400)
    wait_taken(broker, 400, 40)
    assert broker.connects >= 6


def test_a_broker_that_refuses_the_connection(scripted, gateways):
    broker = scripted(on_connect=lambda number: 0x86 if number < 3 else 0)
    gateway = gateways("--broker", broker.port)
    gateway.put(80)
    wait_taken(broker, 80)
    assert broker.connects >= 3


def test_a_port_where_no_broker_speaks(gateways):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = gateways("--broker", listener.getsockname()[1])
        link, _ = listener.accept()
        link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        gateway.put(80)
        gateway.wait_stored(80)
        assert gateway.stats()["brokers"][0]["state"] != "up"
        link.close()


def test_a_flood_of_denials_costs_no_acknowledgement_and_few_answers(scripted, gateways):
    """Where a broker lets anyone write there, anyone may say that the gateway is offline."""
    broker = scripted()
    gateway = gateways("--broker", broker.port)
    garden.wait_until(lambda: "online" in broker.statuses, 10, "online is said")
    said, began = len(broker.statuses), time.monotonic()
    for _ in range(20):
        broker.deliver(broker.status_topic, b"offline", 2000)
        gateway.put(80)  # acknowledged behind what was delivered
        wait_taken(broker, gateway.stats()["taken"])
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 30, "delivered")
    garden.wait_until(lambda: len(broker.statuses) > said, 10, "online is said again")
    answers, seconds = broker.statuses[said:], time.monotonic() - began
    assert set(answers) == {"online"} and len(answers) <= seconds + 1, (answers, seconds)
    assert broker.connects == 1 and gateway.stats()["brokers"][0]["restarts"] == 0


def test_who_says_offline_while_the_gateway_leaves_does_not_make_it_say_online(scripted, gateways):
    def deny(broker, topic, payload):
        if payload == b"offline":
            broker.deliver(topic, b"offline")

    broker = scripted(lambda *_: "silent", on_status=deny)  # so that it does not leave at once
    gateway = gateways("--broker", broker.port)
    garden.wait_until(lambda: "online" in broker.statuses, 10, "online is said")
    gateway.put(80)
    garden.wait_until(lambda: broker.in_flight_most >= 1, 10, "a message is under way")
    assert gateway.quit(20) == 0
    assert broker.statuses == ["online", "offline"]
