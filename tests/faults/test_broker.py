# SPDX-License-Identifier: Apache-2.0
"""Faults of the broker and of the way to it: nothing that was committed is lost, nothing is
invented, order is kept per device, and it comes back by itself."""
import os
import random
import signal
import socket
import time

import garden
import pytest
from gateway import Gateway, assert_in_order, assert_true, wait_all

FULL = garden.FULL


def connected(broker):
    return Gateway.broker_arguments(broker)


def test_broker_away_then_everything_arrives_newest_first(broker, gateways, watchers):
    gateway = gateways(*connected(broker), "--rate", 50)
    time.sleep(60 if FULL else 3)  # the outage itself
    gateway.wait_stored(51)
    broker.start()
    watcher = watchers(broker)
    began_ms = time.time() * 1000
    gateway.wait_state("up")
    garden.wait_until(lambda: len(watcher.live) == 8, 4, "live values of all devices")
    garden.wait_until(lambda: all(live["ts"] > began_ms for live in list(watcher.live.values())), 4,
                      "they are of now")
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])
    assert_in_order(watcher)


def test_broker_frozen_then_thawed(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 200, "--keepalive", 4)
    garden.wait_until(lambda: watcher.count() > 100, 10, "readings flow")
    broker.signal(signal.SIGSTOP)
    time.sleep(60 if FULL else 5)  # the freeze itself
    garden.wait_until(lambda: gateway.stats()["stored"] > watcher.count(), 20, "storing goes on")
    broker.signal(signal.SIGCONT)
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])
    assert_in_order(watcher)


def test_broker_killed_again_and_again(broker, gateways, watchers):
    """What mosquitto had in memory is gone with it: the replay and `resend` bring it back."""
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 300)
    for _ in range(20 if FULL else 3):
        time.sleep(random.uniform(0.2, 1))
        watcher.subscribed.clear()
        broker.kill()
        time.sleep(random.uniform(0.1, 0.5))
        broker.start()
        gateway.wait_state("up")
        garden.wait_until(watcher.subscribed.is_set, 10, "the watcher hears again")
    gateway.ask("rate 0")
    taken = gateway.put(8)  # one of each device, which it hears: what is missing stands before that
    last = {device: (taken - device + 7) // 8 for device in range(8)}
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 20, "all delivered")
    garden.wait_until(lambda: all((f"plot-{device}", gateway.boot, seq) in watcher.copy() for device, seq in
                                  last.items()), 20, "the newest ones have come")
    for device, seq in last.items():  # as a consumer does that sees a hole
        missing = set(range(1, seq)) - {n for name, _, n in watcher.copy() if name == f"plot-{device}"}
        if missing:
            asked = gateway.ask(f"resend {device} {gateway.boot} {min(missing)} {max(missing)}")
            assert asked["result"] == "ok"
    wait_all(watcher, taken)


def test_what_a_killed_broker_had_taken_of_a_backlog_comes_again(broker, gateways, watchers):
    """A PUBACK is no promise of a broker: what it had acknowledged in the last minute, however old
    the readings are, comes once more."""
    gateway = gateways(*connected(broker))
    gateway.put(400)
    gateway.wait_stored(400)
    gateway.quit()
    gateway.start()  # readings of an earlier run
    broker.start()
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 20, "delivered")
    os.kill(gateway.stats()["brokers"][0]["pid"], signal.SIGSTOP)
    broker.kill()
    broker.start()
    watcher = watchers(broker)
    os.kill(gateway.stats()["brokers"][0]["pid"], signal.SIGCONT)
    wait_all(watcher, 400)


def test_what_a_broker_had_taken_comes_again_when_both_lose_their_power(broker, gateways, watchers):
    broker.start()
    gateway = gateways(*connected(broker))
    gateway.wait_state("up")
    for count in 400, 8:  # the cursor of the first ones is written with the others
        gateway.put(count)
        garden.wait_until(lambda: gateway.stats()["brokers"][0]["cursor"] == gateway.stats()["next"]
                          == gateway.stats()["taken"] + 1, 20, "delivered")
    gateway.kill()
    broker.kill()
    broker.start()
    watcher = watchers(broker)
    gateway.start()
    wait_all(watcher, 408)
    assert gateway.quit() == 0
    gateway.start()  # after an orderly end nothing is repeated
    before = watcher.duplicates
    gateway.wait_state("up")
    gateway.put(8)
    wait_all(watcher, 416)
    assert watcher.duplicates == before


def test_gateway_killed_at_random_loses_nothing_committed(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 500)
    committed = {}
    for _ in range(50 if FULL else 5):
        time.sleep(random.uniform(0.1, 0.7))
        stats = gateway.stats()
        committed[gateway.boot] = stats["stored"]
        gateway.kill()
        gateway.start()
    gateway.ask("rate 0")
    committed[gateway.boot] = gateway.stats()["taken"]
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 30, "delivered")
    garden.wait_until(lambda: sum(1 for key in watcher.copy() if key[1] == gateway.boot)
                      == committed[gateway.boot], 10, "the last ones")
    readings = watcher.copy()
    assert_true(readings)
    assert_in_order(watcher)
    for boot, stored in committed.items():
        seqs = {}
        for device, own_boot, seq in readings:
            if own_boot == boot:
                seqs.setdefault(device, set()).add(seq)
        assert sum(len(s) for s in seqs.values()) >= stored, f"boot {boot}: committed ones missing"
        for device, have in seqs.items():
            assert have == set(range(1, max(have) + 1)), f"boot {boot} {device}: holes"


def test_publisher_killed_is_started_again(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 300)
    for n in range(1, 4):
        gateway.wait_state("up")
        os.kill(gateway.stats()["brokers"][0]["pid"], signal.SIGKILL)
        garden.wait_until(lambda: gateway.stats()["brokers"][0]["restarts"] == n, 5, "restarted")
    gateway.wait_state("up")
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])
    assert_in_order(watcher)


def test_publisher_frozen_leaves_polling_alone(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 2000)
    gateway.wait_state("up")
    pid = gateway.stats()["brokers"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    first = gateway.stats()["stored"]
    garden.wait_until(lambda: gateway.stats()["stored"] > first + 4000, 10, "storing goes on")
    os.kill(pid, signal.SIGCONT)
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])


def test_readings_refused_by_the_acl_are_kept_and_told(broker, gateways, watchers):
    acl = broker.folder / "acl"
    allowed = acl.read_text()
    acl.write_text(allowed.replace(f"topic readwrite baiye/{garden.SITE}/#\n",
                                   f"topic readwrite baiye/{garden.SITE}/gateway/#\n"
                                   f"topic readwrite baiye/{garden.SITE}/alert/#\n"))
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 100)
    gateway.wait_state("refused")
    garden.wait_until(lambda: "alert/broker-broker-0" in watcher.retained, 5, "an alert")
    assert watcher.count() == 0
    assert gateway.stats()["brokers"][0]["cursor"] == 1, "nothing counts as delivered"
    acl.write_text(allowed)
    broker.signal(signal.SIGHUP)
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"], 60)
    garden.wait_until(lambda: watcher.retained.get("alert/broker-broker-0") == b"", 10,
                      "the alert ends")


def test_a_hanging_name_server_leaves_the_local_broker_alone(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--broker", "8883@cloud.example.org", "--rate", 8,
                       shim="dns_ms=3600000")  # longer than all that follows may take
    gateway.wait_state("up")
    for _ in range(60 if FULL else 3):
        first = gateway.stats()["taken"] // 8 + 1  # of now: were it waited for, none of them would come
        garden.wait_until(lambda: len(watcher.live) == 8 and all(
            live["seq"] > first for live in list(watcher.live.values())), 20, "live values of now")
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])
    stats = gateway.stats()
    assert stats["brokers"][1]["state"] != "up" and stats["brokers"][1]["backlog"] > 20


def test_resend_brings_an_old_range_again(broker, gateways, watchers):
    broker.start()
    gateway = gateways(*connected(broker))
    gateway.wait_state("up")
    gateway.put(800)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["cursor"] == 801, 10, "delivered")
    watcher = watchers(broker)  # came too late
    asked = gateway.ask(f"resend 3 {gateway.boot} 10 59")
    assert asked == {"result": "ok", "found": 50}
    wait_all(watcher, 50)
    assert {key[2] for key in watcher.copy()} == set(range(10, 60))


def test_batches_are_compressed_when_the_entry_asks(broker, gateways):
    import json
    import threading
    import zlib

    import paho.mqtt.client as paho
    broker.start()
    got, done = [], threading.Event()

    def message(_client, _data, one):
        assert one.properties.ContentType == "application/json+deflate"
        got.extend(json.loads(zlib.decompress(one.payload))["readings"])
        if len(got) >= 400:
            done.set()

    client = paho.Client(protocol=paho.MQTTv5)
    client.username_pw_set("watcher", broker.passwords["watcher"])
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = message
    client.connect("127.0.0.1", broker.port)
    client.subscribe(f"baiye/{garden.SITE}/readings", qos=1)
    client.loop_start()
    assert ready.wait(120)
    gateway = gateways(*connected(broker), "--deflate", "--batch", 2000)
    gateway.put(400)
    assert done.wait(120), f"{len(got)} came"
    assert len(got) == 400
    client.loop_stop()
    client.disconnect()


def test_a_broker_that_accepts_and_says_nothing(gateways):
    """Half open from the start: given up by our own deadline, tried again, nothing lost."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        gateway = gateways("--broker", listener.getsockname()[1], "--rate", 100)
        garden.wait_until(lambda: gateway.stats()["brokers"][0]["state"] == "down", 25, "given up")
        stats = gateway.stats()
        assert stats["brokers"][0]["cursor"] == 1 and stats["stored"] > 100


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
