# SPDX-License-Identifier: Apache-2.0
"""The county's broker with the files that ship: what one gateway can do to others, which is
nothing. Each attack is tried at a running county, and afterwards nothing is missing."""
import json
import ssl
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
import pytest

import garden
from county import expected, reading, settle, stored
from garden import wait_until
from secured import CountyBroker, Peer, program_keys
from test_holes import real_gateway


@pytest.fixture
def broker(tmp_path):
    running = CountyBroker(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def running(broker, database, start):
    """Ingest, the county's healer, and a gateway that is at work."""
    start("baiye-ingest", **program_keys(broker, "ingest"))
    start("baiye-county", **program_keys(broker, "county"), patience="1s", ask_again="2s")
    good = Peer(broker, "farm-1")
    yield good
    good.stop()


def prove(database, good, count=50):
    """What the good one sends and has is all there, and nothing else under its name."""
    first, last = good.keep(*[reading("plot-1", len(good.records) + n + 1) for n in range(count)])
    for at in range(first, last + 1, 5):
        good.send(at, at + 4)
    good.beat()
    settle(database, good)
    assert stored(database, good) == expected(good)


def test_readings_and_resends_pass(database, running):
    prove(database, running)
    running.keep(*[reading("plot-1", len(running.records) + n + 1) for n in range(20)])
    running.beat()  # none of them was sent: it is asked for them
    settle(database, running)
    assert stored(database, running) == expected(running)
    assert running.asked


def test_a_real_gateway_does_what_the_county_asks(database, broker, start, site, needs):
    """mosquitto leaves its mount point in what it hands out: the gateway's topics are below "gw/"."""
    needs("baiyed", "baiye-field")
    start("baiye-ingest", **program_keys(broker, "ingest"))
    certificate, key = broker.gateways.issue(garden.SITE)
    real_gateway(broker, site, url=f"mqtts://127.0.0.1:{broker.port}", cert_file=str(certificate), key_file=str(key),
                 ca_file=str(broker.folder / "county-ca.crt"), consumer="required")
    wait_until(lambda: database.number("SELECT count(*) FROM reading") > 5, 120, "readings arrive")
    database("UPDATE gateway SET last = greatest(last, 4), ids = ids - int8multirange(int8range(1, 4))")
    start("baiye-county", **program_keys(broker, "county"), patience="1s", ask_again="2s")
    wait_until(lambda: database("SELECT ids + gone @> int8range(1, 4) FROM gateway") == "t", 60,
               "what was missing is there again")
    # What a broker says of it is corrected: a connection of before a power cut has ended with its will.
    said = []
    watcher = paho.Client(client_id="watcher", protocol=paho.MQTTv5)
    watcher.tls_set_context(broker.tls(broker.county, "ingest"))
    watcher.on_message = lambda _c, _d, message: said.append(message.payload)
    watcher.connect("127.0.0.1", broker.inner)
    watcher.subscribe(f"gw/baiye/{garden.SITE}/gateway/status", 1)
    watcher.loop_start()
    wait_until(lambda: said[-1:] == [b"online"], 60, "it is there")
    ghost = Peer(broker, garden.SITE)
    ghost.send_raw(b"offline", leaf="gateway/status", retain=True)
    wait_until(lambda: b"offline" in said and said[-1] == b"online", 60, f"it says that it is there: {said}")
    for one in ghost.client, watcher:
        one.disconnect()
        one.loop_stop()


def subscribe(peer, topic):
    got = []
    peer.client.on_message = lambda _c, _d, message: got.append((message.topic, message.payload))
    peer.client.subscribe(topic, options=SubscribeOptions(qos=1))
    return got


THEFTS = ("$share/ingest/baiye/+/readings", "$share/ingest/gw/baiye/+/readings", "baiye/+/readings",
          "gw/baiye/#", "#", "+/+/+", "$share/x/#", "baiye/farm-1/#", "baiye/farm-1/rpc/#",
          "../baiye/farm-1/#", "$SYS/#", "gw/../baiye/farm-1/readings")


@pytest.mark.parametrize("topic", THEFTS)
def test_a_gateway_hears_nothing_of_another_and_takes_nothing_away(database, broker, running, topic):
    thief = Peer(broker, "farm-2")
    got = subscribe(thief, topic)
    prove(database, running)
    thief.stop()
    assert not [one for one in got if "farm-1" in one[0]], got
    assert not running.asked, "no message went astray"


FORGERIES = ("baiye/farm-1/readings", "baiye/farm-1/gateway/log", "gw/baiye/farm-1/readings",
             "baiye/farm-1/answer/county/1", "baiye/farm-1/rpc/county/resend", "gw/gw/readings",
             "$share/ingest/baiye/farm-1/readings", "baiye/farm-1/site", "x", "$SYS/broker/x")


@pytest.mark.parametrize("retain", [False, True])
def test_a_gateway_can_write_nothing_of_another(database, broker, running, retain):
    prove(database, running, 10)
    thief = Peer(broker, "farm-2")
    body = json.dumps({"v": 1, "gw": running.uuid, "ids": [100, 150],
                       "readings": [reading("plot-1", 4000)]})
    log = json.dumps({"gw": running.uuid, "first": 1, "last": 10 ** 6, "sent": 0, "boot": 1,
                      "ts": 1})
    for topic in FORGERIES:
        for payload in body, log, '{"ids":[1,5]}':
            thief.client.publish(topic, payload, qos=1, retain=retain)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "baiye/farm-1/readings"
    thief.client.publish("baiye/farm-2/readings", body, qos=1, properties=properties)
    prove(database, running)
    thief.stop()
    assert database("SELECT last FROM gateway WHERE site = 'farm-1'") == str(len(running.records))


def test_a_will_of_another_site_is_not_said(database, broker, running):
    prove(database, running, 10)
    thief = paho.Client(client_id="thief", protocol=paho.MQTTv5)
    thief.tls_set_context(broker.tls(broker.gateways, "farm-2"))
    thief.will_set("baiye/farm-1/gateway/log", json.dumps(
        {"gw": running.uuid, "first": 1, "last": 10 ** 6, "sent": 0, "boot": 1, "ts": 1}), qos=1,
        retain=True)
    thief.connect("127.0.0.1", broker.port)
    thief.loop_start()
    wait_until(thief.is_connected, 120, "it is connected")
    thief._sock_close()  # no goodbye
    thief.loop_stop()
    prove(database, running)
    assert database("SELECT last FROM gateway WHERE site = 'farm-1'") == str(len(running.records))


def refused(broker, port, context):
    client = paho.Client(client_id="x", protocol=paho.MQTTv5)
    client.tls_set_context(context)
    said = []
    client.on_connect = lambda _c, _d, _f, code, _p: said.append(code)
    try:
        client.connect("127.0.0.1", port)
        until = time.monotonic() + 300
        while not said and client.loop(0.1) == paho.MQTT_ERR_SUCCESS:
            assert time.monotonic() < until, "neither let in nor refused"
    except (ssl.SSLError, ConnectionError):
        return True
    client.disconnect()
    return not said or said[0] != 0


def test_certificates_of_the_other_authority_or_none_are_refused(broker):
    assert refused(broker, broker.inner, broker.tls(broker.gateways, "ingest"))
    assert refused(broker, broker.port, broker.tls(broker.county, "farm-1"))
    nobody = ssl.create_default_context(cafile=broker.folder / "county-ca.crt")
    assert refused(broker, broker.port, nobody)
    assert refused(broker, broker.inner, nobody)


def test_a_certificate_that_was_revoked_is_refused(broker):
    context = broker.tls(broker.gateways, "farm-3")
    assert not refused(broker, broker.port, context)
    broker.gateways.revoke(broker.folder / "gateways-ca-farm-3.crt")
    (broker.folder / "gateways-ca.crl").rename(broker.crl)
    broker.stop()
    broker.start()
    assert refused(broker, broker.port, context)
