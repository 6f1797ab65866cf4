# SPDX-License-Identifier: Apache-2.0
"""baiye-county: what is missing is asked for, until it is there or gone for good."""
import random

import paho.mqtt.client as paho

import garden
from county import (Broker, Gateway, Program, batches_until_healed, expected, holes, pass_time, reading, settle,
                    stored)
from garden import wait_until


def a_gateway(broker, site="farm-1", count=100):
    gateway = Gateway(broker, site)
    gateway.keep(*[reading("plot-1", n) for n in range(1, count + 1)])
    return gateway


def test_a_hole_is_asked_for_and_heals(database, broker, ingest, county):
    ingest()
    county()
    gateway = a_gateway(broker)
    gateway.send(1, 20)
    gateway.send(61, 80)
    gateway.beat()
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)
    wait_until(lambda: database.number("SELECT count(*) FROM suspect") == 0, 120, "all is well")
    assert gateway.asked == [(21, 60), (81, 100)], "one after the other, each once"


def test_a_hole_among_records_newer_than_the_log_is_asked_for(database, broker, ingest, county):
    """The log is told once an hour; what arrives meanwhile shows as well what there is."""
    ingest()
    county()
    gateway = a_gateway(broker, count=20)
    gateway.send(1, 20)
    gateway.beat()
    wait_until(lambda: database("SELECT last FROM gateway") == "20", 120, "the log is known")
    gateway.keep(*[reading("plot-1", n) for n in range(21, 41)])
    gateway.send(31, 40)
    wait_until(lambda: stored(database, gateway) == expected(gateway), 120, "it is asked for")
    assert gateway.asked == [(21, 30)]


def test_what_is_gone_for_good_is_recorded_and_not_asked_for_again(database, broker, ingest, county):
    ingest()
    county(ask_again="1s")
    gateway = a_gateway(broker)
    gateway.gone_below = 41
    gateway.send(61, 100)
    gateway.beat()
    wait_until(lambda: not holes(database, gateway) and
               database("SELECT gone FROM gateway") == "{[1,41)}", 120, "gone is known")
    assert len(stored(database, gateway)) == 60
    assert gateway.asked == [(1, 60)]


def test_a_gateway_that_is_away_is_asked_when_it_is_back(database, broker, ingest, county):
    one = county()
    ingest()
    gateway = a_gateway(broker)
    gateway.answers = False
    gateway.send(1, 50)
    gateway.beat()
    wait_until(lambda: gateway.asked, 120, "it is asked")
    assert gateway.asked == [(51, 100)], "one request at a time"
    database("UPDATE asked SET at = at - interval '2 min'")
    gateway.answers = True
    settle(database, gateway)
    assert gateway.asked == [(51, 100)] * 2
    assert one.running()


def test_many_gateways_with_holes_are_all_asked_by_whoever_leads(database, broker, ingest, county):
    """Two run; the one that leads is killed, and the other goes on."""
    ingest()
    first, second = county("a"), county("b")
    gateways = [a_gateway(broker, f"farm-{n}", 40) for n in range(20)]
    for gateway in gateways[:10]:
        gateway.send(1, 10)
        gateway.beat()
    for gateway in gateways[:10]:
        settle(database, gateway)
    first.kill()
    for gateway in gateways[10:]:
        gateway.send(11, 40)
        gateway.beat()
    for gateway in gateways[10:]:
        settle(database, gateway)
    assert all(len(gateway.asked) == 1 for gateway in gateways), [g.asked for g in gateways]
    assert second.running()


KILLS = 100 if garden.FULL else 10


def test_holes_heal_and_nothing_is_doubled_while_the_county_is_killed(database, broker, ingest, county):
    """Before it asks, or when a gateway has just been asked: drawn, again and again; and all is there
    before the gateways' third batch after the last time."""
    ingest()
    one = county(patience="20min", ask_again="1s")
    chance = random.Random("county")
    gateways = [Gateway(broker, f"farm-{n}") for n in range(4)]
    for n in range(KILLS):
        gateway = gateways[n % len(gateways)]
        batches = [gateway.keep(*[reading("plot-1", len(gateway.records) + k + 1) for k in range(5)])
                   for _ in range(4)]
        for batch in chance.sample(batches, 2):
            gateway.send(*batch)
        asked = len(gateway.asked)
        gateway.beat()
        if chance.random() < 0.5:
            wait_until(lambda: pass_time(database, 20) or len(gateway.asked) > asked or
                       not holes(database, gateway), 120, "it is asked")
        one.kill()
        pass_time(database, 20)
        one.start(ready=False)
    assert batches_until_healed(database, gateways) <= 2
    for gateway in gateways:
        settle(database, gateway)
        assert not holes(database, gateway)
        assert stored(database, gateway) == expected(gateway)


def test_a_gateway_is_asked_at_whichever_broker_it_is(database, broker, ingest, county, start,
                                                      tmp_path):
    """Two brokers that do not know of each other, an ingest at each, one county; then one of them is
    gone, and the gateways of the other are asked all the same."""
    (tmp_path / "b").mkdir()
    other = Broker(tmp_path / "b")
    other.start()
    try:
        ingest("a")
        start("baiye-ingest", "b", broker={"url": f"mqtt://127.0.0.1:{other.port}"})
        county(broker={"url": [f"mqtt://127.0.0.1:{one.port}" for one in (broker, other)]})
        here, there = a_gateway(broker), a_gateway(other, "farm-2")
        for gateway in here, there:
            gateway.send(1, 50)
            gateway.beat()
        for gateway in here, there:
            settle(database, gateway)
            assert gateway.asked == [(51, 100)]
        broker.kill()
        there.keep(*[reading("plot-1", n) for n in range(101, 121)])
        there.beat()
        settle(database, there)
        assert stored(database, there) == expected(there)
    finally:
        other.stop()


def test_an_ingest_has_one_broker(database, broker, needs, tmp_path):
    needs("baiye-ingest")
    one = Program(tmp_path, "baiye-ingest", "a", broker, database, broker={
        "url": ["mqtt://127.0.0.1:1", "mqtt://127.0.0.1:2"]})
    one.start(ready=False)
    assert one.child.wait(120) == 78
    assert "one address" in one.log()


def test_an_answer_of_another_site_changes_nothing(database, broker, ingest, county):
    ingest()
    county()
    gateway, other = a_gateway(broker), a_gateway(broker, "farm-2", 1)
    gateway.answers = False
    gateway.send(1, 50)
    gateway.beat()
    wait_until(lambda: gateway.asked, 120, "it is asked")
    number = database("SELECT id FROM asked")
    answer = '{"found":0,"gone":[[1,100]],"next":101}'
    for where in f"baiye/farm-2/answer/county/{number}", "baiye/farm-1/answer/county/999999":
        other.client.publish(where, answer, qos=1).wait_for_publish()
    for junk in b"", b"{", b"[]", b'{"gone":[[5]],"next":1}', b'{"gone":1}':
        other.client.publish(f"baiye/farm-1/answer/county/{number}", junk, qos=1).wait_for_publish()
    other.client.publish(f"baiye/farm-1/answer/county/{number}",
                         '{"found":0,"gone":[[1,1000]],"next":101}', qos=1)
    wait_until(lambda: database("SELECT gone FROM gateway WHERE site = 'farm-1'") == "{[51,101)}",
               120, "only what was asked for is gone")


PROBE = [{"name": "east", "baud": 9600, "units": [{"kind": "zts-3001", "address": 7, "name": "soil-7"}]}]


def real_gateway(broker, site, state=None, lines=PROBE, **entry):
    """A baiyed at that broker, with a probe."""
    site.broker = broker
    secret = site.folder / "secret"
    secret.write_text("any\n")
    site.start_field(lines)
    broker.password_file = lambda user: secret
    entry = entry or {"url": f"mqtt://127.0.0.1:{broker.port}", "user": "garden", "password_file": str(secret)}
    site.gateway = garden.Gateway(site.folder, broker, site.buses("500ms"), mqtt=[{
        "name": "county", "requests": "county", **entry}])
    if state is not None:
        site.gateway.environment["STATE_DIRECTORY"] = str(state)
    site.gateway.start()
    return site.gateway


def test_a_real_gateways_answer_is_understood(database, broker, ingest, county, site, needs):
    needs("baiyed", "baiye-field")
    ingest()
    gateway = real_gateway(broker, site)
    wait_until(lambda: database.number("SELECT count(*) FROM reading") > 5, 120, "readings arrive")
    gateway.stop()
    gateway.start()
    wait_until(lambda: database.number("SELECT count(*) FROM gateway WHERE last > 3"), 60,
               "it says what it has, at its connection")
    database("UPDATE gateway SET ids = ids - int8multirange(int8range(1, 4))")
    county()
    wait_until(lambda: database("SELECT bool_and(answered) FROM asked") == "t", 120, "it answers")
    wait_until(lambda: database("SELECT ids + gone @> int8range(1, 4) FROM gateway") == "t", 120,
               "what was missing is there again")


def test_readings_of_a_real_gateway_outlive_a_broker_that_forgets(database, broker, ingest, county,
                                                                  site, needs):
    """What waits at the broker for a consumer that is away, and goes with the broker, is asked for
    at the gateway, which has it still."""
    needs("baiyed", "baiye-field")
    ingest_a = ingest()
    county(ask_again="5s")
    real_gateway(broker, site)

    def have():
        return database.number("SELECT count(*) FROM reading")
    wait_until(lambda: have() > 5, 120, "readings arrive")
    ingest_a.kill()
    before, heard = have(), []
    listener = paho.Client(protocol=paho.MQTTv5)
    listener.on_message = lambda _c, _d, message: heard.append(message)
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("baiye/+/readings", 1)
    listener.loop_start()
    wait_until(lambda: len(heard) > 3, 120, "readings that only the broker and the gateway have")
    listener.loop_stop()
    broker.kill()
    broker.start()
    ingest_a.start()
    wait_until(lambda: have() > before + 10, 120, "they arrive again")
    wait_until(lambda: database.number("SELECT count(*) FROM hole") == 0 and
               database.number("SELECT count(*) FROM missing") == 0 and
               database.number("SELECT last FROM gateway") > before, 90,
               "the log told at the new connection names what was lost, and no hole is left")
    assert database("SELECT count(*) = count(DISTINCT (stream, seq)) FROM reading") == "t"
    assert garden.SITE == database("SELECT DISTINCT site FROM gateway")
