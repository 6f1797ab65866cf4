# SPDX-License-Identifier: Apache-2.0
"""baiye-ingest: what comes is stored once, whatever comes twice, out of order, or while something
dies."""
import json
import math
import random
import socket
import time
import zlib

import pytest

import garden
from county import (BASE_MS, HOUR_MS, Gateway, batches_until_healed, expected, heal, holes, reading, settle,
                    settle_at, shuffled, stored)
from garden import wait_until


def dead(database):
    return database.rows("SELECT topic, reason FROM dead ORDER BY id")


@pytest.mark.parametrize("deflate", [False, True])
def test_a_batch_is_stored_with_its_values_flags_and_hours(database, broker, ingest, deflate):
    ingest()
    gateway = Gateway(broker, "farm-1", deflate)
    for seq in range(1, 121):
        one = reading("plot-1", seq, values={"air_temperature": seq / 10, "leaf_colour": 7},
                      flags={})
        if seq == 60:
            one["flags"] = {"air_temperature": "stuck"}
        gateway.keep(one)
    gateway.send(1, 120)
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)
    assert database("SELECT air_temperature, more ->> 'leaf_colour', flags FROM reading"
                    " WHERE seq = 60") == '6|7|{"air_temperature": "stuck"}'
    hours = database.rows("SELECT extract(epoch FROM hour) * 1000, n, sum, min, max FROM hourly"
                          " JOIN metric ON metric.id = metric WHERE name = 'air_temperature'"
                          " ORDER BY hour")
    assert [round(float(h)) for h, *_ in hours] == [BASE_MS, BASE_MS + HOUR_MS, BASE_MS + 2 * HOUR_MS]
    assert [int(n) for _, n, *_ in hours] == [59, 59, 1], "a stuck value is in no mean"
    assert math.isclose(float(hours[0][2]), sum(range(1, 60)) / 10)
    assert database("SELECT site, ids FROM gateway") == "farm-1|{[1,121)}"


def test_readings_that_come_one_by_one_are_stored_as_those_of_a_batch(database, broker, ingest):
    """They have a statement of their own, from the second of a stream on."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    values = {"air_temperature": 1.1, "wind_direction": 90, "leaf_colour": 7}
    for seq in range(1, 7):
        flags = {"air_temperature": "stuck"} if seq == 3 else {"soil_ph": "absent"} if seq == 4 else {}
        gateway.keep(reading("mast", seq, values=values, flags=flags))
    for _ in range(2):
        for n in range(1, 7):
            gateway.send(n, n)
    settle(database, gateway)
    wait_until(lambda: gateway.acked >= 12, 120, "the broker has all")
    assert stored(database, gateway) == expected(gateway)
    rows = database.rows("SELECT seq, air_temperature, wind_direction, soil_ph, more, flags"
                         " FROM reading ORDER BY seq")
    assert rows == [(str(n), "1.1", "90", "", '{"leaf_colour": 7}', {
        3: '{"air_temperature": "stuck"}', 4: '{"soil_ph": "absent"}'}.get(n, ""))
        for n in range(1, 7)]
    assert sorted(database.rows("SELECT name, n, round(x::numeric, 6), round(y::numeric, 6) FROM"
                                " hourly JOIN metric ON metric.id = metric")) == [
        ("air_temperature", "5", "0.000000", "0.000000"), ("leaf_colour", "6", "0.000000", "0.000000"),
        ("wind_direction", "6", "0.000000", "6.000000")]
    assert database("SELECT have FROM stream") == "{[1,7)}"
    assert not dead(database)


def test_hours_are_whole_however_their_readings_come(database, broker, ingest):
    """One by one and not in order, by two that meet: a stream's open hour is closed into the others
    when another one begins, and when the device measures more than before."""
    first, second = ingest("a"), ingest("b")
    gateway = Gateway(broker, "farm-1")
    values = {"air_temperature": 1, "wind_direction": 90}
    for seq in range(1, 151):
        more = {"soil_moisture": seq} if seq > 30 else {}
        flags = {"wind_direction": "stuck"} if seq % 10 == 0 else {}
        gateway.keep(reading("mast", seq, values={**values, **more, "air_temperature": seq}, flags=flags))
    for n in [*range(1, 131), *shuffled([*range(100, 151)] * 2, 3)]:
        gateway.send(n, n)
    settle(database, gateway)
    wait_until(lambda: gateway.acked >= 232, 120, "the broker has all")
    for one in first, second:
        assert one.stop() == 0
    assert stored(database, gateway) == expected(gateway)

    def cells(kept):
        kept = list(kept)
        return [str(len(kept)), str(sum(kept)), str(min(kept)), str(max(kept))]
    hours = [range(1, 60), range(60, 120), range(120, 151)]
    rows = database.rows("SELECT name, n, sum, min, max, round(y::numeric, 3) FROM hourly JOIN metric"
                         " ON metric.id = metric ORDER BY name, hour")
    assert rows == [
        *[("air_temperature", *cells(hour), "0.000") for hour in hours],
        *[("soil_moisture", *cells(seq for seq in hour if seq > 30), "0.000") for hour in hours],
        *[("wind_direction", *cells(90 for seq in hour if seq % 10), f"{sum(seq % 10 > 0 for seq in hour)}.000")
          for hour in hours]]
    assert database.number("SELECT count(*) FROM open_hour") > 0, "the last one is still open"
    assert not dead(database)


def test_directions_have_their_vector(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("mast", 1, values={"wind_direction": 350}),
                 reading("mast", 2, values={"wind_direction": 10}))
    gateway.send(1, 2)
    settle(database, gateway)
    x, y = map(float, database("SELECT x, y FROM hourly").split("|"))
    assert abs(math.degrees(math.atan2(y, x))) < 1e-6


def test_what_comes_twice_in_parts_and_out_of_order_counts_once(database, broker, ingest):
    first, second = ingest("a"), ingest("b")
    gateway = Gateway(broker, "farm-1")
    for seq in range(1, 301):
        gateway.keep(reading(f"plot-{seq % 3}", seq))
    ranges = [(at, min(at + size - 1, 300)) for size in (1, 7, 50) for at in range(1, 301, size)]
    for a, b in shuffled(ranges * 2, 7):
        gateway.send(a, b)
    settle(database, gateway)
    wait_until(lambda: gateway.acked >= len(ranges) * 2, 120, "the broker has all")
    for one in first, second:  # what waits for them is worked off first
        assert one.stop() == 0
    assert stored(database, gateway) == expected(gateway)
    assert database.number("SELECT sum(n) FROM hourly") == 300, "hours count once, too"
    assert not dead(database)


def test_a_number_twice_in_one_message_counts_once(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 5), reading("plot-1", 5), reading("plot-1", 6))
    gateway.send(1, 3)
    settle(database, gateway)
    assert [seq for _, _, seq, _ in stored(database, gateway)] == [5, 6]
    assert database.number("SELECT sum(n) FROM hourly") == 2


def test_a_board_that_is_known_later_is_the_same_stream(database, broker, ingest):
    """`s` comes when the node has told it: the same readings without it are no others."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 1), reading("plot-1", 2, s=77))
    gateway.send(1, 2)
    settle(database, gateway)
    gateway.send(1, 1, {"v": 1, "gw": gateway.uuid, "readings": [reading("plot-1", 1, s=77)]})
    gateway.keep(reading("plot-1", 3))
    gateway.send(3, 3)
    settle(database, gateway)
    assert len(stored(database, gateway)) == 3
    assert database("SELECT serial FROM stream") == "77"


ORDERS = [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)]


@pytest.mark.parametrize("order", ORDERS)
def test_a_correction_moves_each_reading_of_its_boot_once(database, broker, ingest, order):
    """Before it, behind it, and whichever of them comes first or again."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    wrong, shift = BASE_MS - 400 * 24 * HOUR_MS, 400 * 24 * HOUR_MS
    gateway.keep(*[reading("plot-1", n, ts=wrong + n * 60000, gb=9,
                           flags={"air_temperature": "clock"}) for n in (1, 2)],
                 {"boot": 9, "add_ms": shift, "id": 3},
                 *[reading("plot-1", n) for n in (3, 4)])
    parts = [(1, 2), (3, 3), (4, 5)]
    for part in order:
        gateway.send(*parts[part])
        gateway.send(*parts[part])
    settle(database, gateway)
    assert [ts for *_, ts in stored(database, gateway)] == [BASE_MS + n * 60000 for n in range(1, 5)]
    assert database.rows("SELECT extract(epoch FROM hour) * 1000, n FROM hourly") == \
        [(f"{BASE_MS}.000000", "4")]
    assert database.number("SELECT count(*) FROM reading WHERE gb IS NOT NULL") == 0


def test_gaps_are_told_and_what_is_neither_is_missing(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 1), {"d": "plot-1", "boot": 1, "gap": [2, 40], "why": "timeout"},
                 reading("plot-1", 45))
    gateway.send(1, 3)
    settle(database, gateway)
    assert database("SELECT device, first, last FROM missing") == "plot-1|41|44"


def test_means_of_a_short_plan_grow_and_are_kept_apart(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")

    def mean(n):
        return {"d": "plot-1", "boot": 1, "of": [1, n], "hour": BASE_MS,
                "means": {"air_temperature": [n, 1, 2.5, 4]}}
    gateway.keep(mean(20), mean(60))
    gateway.send(2, 2)
    gateway.send(1, 1)
    settle(database, gateway)
    assert database("SELECT first, last, n, mean FROM thinned") == "1|60|60|2.5"


BODIES = {
    "not JSON": (b"{", "not JSON"),
    "nothing that inflates": (b"zzzz", "does not inflate"),
    "another version": ({"v": 2}, "version 2"),
    "no uuid": ({"gw": "x" * 36}, "no uuid"),
    "an unknown key": ({"colour": 1}, "schema"),
    "no readings": ({"readings": []}, "no list"),
    "a text as a value": ({"readings": [reading("a", 1, values={"soil_ph": "7"})]}, "readings[0]"),
    "a number too large": ({"readings": [reading("a", 2 ** 32)]}, "readings[0]"),
    "a device's name": ({"readings": [reading("a'; DROP TABLE reading; --", 1)]}, "readings[0]"),
    "a metric's name": ({"readings": [reading("a", 1, values={'x"': 1})]}, "readings[0]"),
    "a year that does not exist": ({"readings": [reading("a", 1, ts=10 ** 15)]}, "readings[0]"),
    "ids backwards": ({"ids": [5, 4]}, "no range"),
    "an unknown flag": ({"readings": [reading("a", 1, flags={"soil_ph": "odd"})]}, "readings[0]"),
}


def test_what_does_not_fit_is_kept_aside_and_the_next_goes_on(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 1))
    sent = []
    for what, (body, reason) in BODIES.items():
        raw = body if isinstance(body, bytes) else json.dumps({**gateway.body(1, 1), **body}).encode()
        gateway.send_raw(raw, deflated=what == "nothing that inflates")
        sent.append((what, raw, reason))
    bomb = zlib.compress(b" " * 30_000_000)
    gateway.send_raw(bomb, deflated=True)
    sent.append(("a bomb", bomb, "does not inflate"))
    gateway.send(1, 1)
    settle(database, gateway)
    rows = database.rows("SELECT reason, encode(body, 'hex') FROM dead ORDER BY id")
    assert len(rows) == len(sent), rows
    for (what, raw, reason), (why, body) in zip(sent, rows):
        assert reason in why, (what, why)
        assert bytes.fromhex(body) == raw, what
    assert len(stored(database, gateway)) == 1


def test_what_does_not_fit_and_comes_again_is_kept_once(database, broker, ingest):
    """A record that doesn't fit is a hole, and is asked for again each hour."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    for text in b"{", b"[", b"{", b"{":
        gateway.send_raw(text)
    wait_until(lambda: database("SELECT sum(times) FROM dead") == "4", 120, "all have come")
    assert database.rows("SELECT convert_from(body, 'utf8'), times FROM dead ORDER BY id") == [("{", "3"), ("[", "1")]


def test_who_floods_the_county_with_what_does_not_fit_fills_no_disk(database, broker, ingest):
    ingest()
    flooder, other = Gateway(broker, "farm-1"), Gateway(broker, "farm-2")
    for n in range(1100):
        flooder.send_raw(f"junk {n}".encode(), leaf=("readings", f"alert/{n}")[n % 2])
    wait_until(lambda: database("SELECT messages FROM dead_more") == "100", 120, "those beyond are counted")
    for n in range(3):
        other.send_raw(str(n).encode() + bytes(9_000_000 // 50))
    wait_until(lambda: database("SELECT count(*) FROM dead WHERE site = 'farm-2'") == "3", 120, "another's are kept")
    assert database.rows("SELECT site, count(*) FROM dead GROUP BY 1 ORDER BY 1") == [("farm-1", "1000"), ("farm-2", "3")]


def test_what_does_not_fit_is_kept_as_long_as_readings(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    for text in b"old", b"new":
        gateway.send_raw(text)
    wait_until(lambda: len(dead(database)) == 2, 120, "both are there")
    database("UPDATE dead SET at = now() - interval '91 d' WHERE body = 'old'")
    ingest("b")
    wait_until(lambda: database("SELECT string_agg(convert_from(body, 'utf8'), ' ') FROM dead") == "new", 120,
               "the old one is gone")


def test_a_gateways_numbers_can_not_be_given_by_another_site(database, broker, ingest):
    ingest()
    good, thief = Gateway(broker, "farm-1"), Gateway(broker, "farm-2")
    good.keep(reading("plot-1", 1))
    good.send(1, 1)
    settle(database, good)
    thief.uuid = good.uuid
    thief.keep(*[reading("plot-1", n, ts=BASE_MS) for n in range(1, 50)])
    thief.send(1, 49)
    thief.beat()
    wait_until(lambda: dead(database), 120, "it is kept aside")
    assert "is of site farm-1" in dead(database)[0][1]
    assert stored(database, good) == expected(good)
    assert database("SELECT site, last FROM gateway") == "farm-1|"


def test_the_last_message_that_was_lost_is_a_hole(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(*[reading("plot-1", n) for n in range(1, 101)])
    for at in (1, 21, 61):
        gateway.send(at, at + 19)
    gateway.beat()
    wait_until(lambda: holes(database, gateway) == [(41, 60), (81, 100)], 120, "two holes")
    heal(database, gateway)
    settle(database, gateway)
    assert not holes(database, gateway)
    assert stored(database, gateway) == expected(gateway)


def test_a_database_put_back_by_a_day_shows_what_it_lacks(database, broker, ingest):
    one = ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(*[reading("plot-1", n) for n in range(1, 101)])
    gateway.send(1, 100)
    settle(database, gateway)
    one.stop()
    copy = f"{database.name}_yesterday"
    database.leave()
    database.admin(f"CREATE DATABASE {copy} TEMPLATE {database.name}")
    one.start()
    gateway.keep(*[reading("plot-1", n) for n in range(101, 201)])
    gateway.send(101, 200)
    settle(database, gateway)
    one.stop()
    database.name = copy
    two = ingest("b")
    gateway.beat()
    wait_until(lambda: holes(database, gateway) == [(101, 200)], 120, "what came since yesterday")
    heal(database, gateway)
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)
    two.stop()


def storm(gateways, seed, seconds_of_readings=40):
    """Each sends small batches; the order among them is drawn."""
    plan = []
    for gateway in gateways:
        for _ in range(seconds_of_readings):
            n = len(gateway.records)
            plan.append((gateway, gateway.keep(*[reading(f"plot-{n % 4}", n + k + 1)
                                                 for k in range(5)])))
    random.Random(seed).shuffle(plan)
    return plan


KILLS = 100 if garden.FULL else 10


@pytest.mark.parametrize("victim", ["ingest", "postgres", "broker", "broker with its disk"])
def test_nothing_is_lost_or_doubled_when_it_is_killed(database, broker, ingest, county, victim):
    """At a moment drawn within the batches, again and again; counted at the gateways. Where a broker has
    lost what it had, it is there before the gateways' third batch; elsewhere without another one, since
    the PUBACK follows the COMMIT."""
    if victim == "broker with its disk":
        broker.keep_on_disk()
    one, two = ingest("a"), ingest("b")
    chance = random.Random(victim)
    gateways = [Gateway(broker, f"farm-{n}") for n in range(4)]
    plan = storm(gateways, victim)

    def attended():
        """As the system's service: what has ended since PostgreSQL was away starts again."""
        for program in one, two:
            if not program.running():
                program.start(ready=False)
        return True
    kills = sorted(chance.sample(range(len(plan)), KILLS))
    for at, (gateway, (first, last)) in enumerate(plan):
        if at in kills:  # who is killed while it still starts has begun nothing that it could lose
            wait_until(lambda: attended() and one.works() and two.works(), 120, "both are at work")
        gateway.send(first, last)
        attended()  # what is queued for it at the broker outlives it by a minute
        if at not in kills:
            continue
        time.sleep(chance.uniform(0, 0.02))  # a message takes some milliseconds: in the middle of one
        if victim == "ingest":
            one, two = two, one
            one.kill()
            one.start(ready=False)
        elif victim == "postgres":
            database.kill()
            database.start()
        else:
            broker.kill()  # and what it had queued and not written
            broker.start()
    for gateway in gateways:
        wait_until(gateway.client.is_connected, 120, "the gateway is connected again")
    if victim.startswith("broker"):
        county(patience="20min")
        assert batches_until_healed(database, gateways, attended) <= 2
    for gateway in gateways:
        settle(database, gateway, meanwhile=attended)
        gateway.beat()
    for gateway in gateways:
        assert not holes(database, gateway)
        assert stored(database, gateway) == expected(gateway)
    assert database.number("SELECT sum(n) FROM hourly") == sum(g.numbers() for g in gateways)
    assert not dead(database)


def puback_reason(broker, topic):
    """Of a message that is published there: what a gateway goes by that holds back while nobody listens."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + b"\x00\x07\x00" + b"{}"
    with socket.create_connection(("127.0.0.1", broker.port), 60) as one:
        one.sendall(b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x06prober" + bytes([0x32, len(body)]) + body)
        stream = one.makefile("rb")
        while True:
            kind, size = stream.read(2)
            packet = stream.read(size)
            if kind == 0x40:
                return packet[2] if size > 2 else 0


def test_gateways_hear_that_nobody_takes_readings_when_the_last_ingest_is_stopped(database, broker, ingest):
    """And not while another one is there, or one that was killed may come back for what waits."""
    assert puback_reason(broker, "baiye/farm-1/readings") == 0x10
    first, second = ingest("a"), ingest("b")
    first.stop()
    assert puback_reason(broker, "baiye/farm-1/readings") == 0
    second.kill()
    assert puback_reason(broker, "baiye/farm-1/readings") == 0
    second.start()
    wait_until(lambda: database.number("SELECT sum(times) FROM dead") >= 2, 120, "what waited")
    second.stop()
    assert puback_reason(broker, "baiye/farm-1/readings") == 0x10


def test_tables_of_the_version_before_are_brought_forward_and_a_newer_ones_are_used(database, broker, ingest):
    """What an update, or the way back from one, finds."""
    one = ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(*[reading(f"plot-{n}", 1) for n in range(1, 7)])
    gateway.send(1, 2)
    settle_at(database, gateway, 2)
    one.stop()
    version = database.number("SELECT version FROM county")
    database("ALTER TABLE gateway DROP since, DROP streams, DROP hour_rows; DROP TABLE misdated;"
             f"UPDATE county SET version = {version - 1}")
    one.start()
    gateway.send(3, 4)
    settle_at(database, gateway, 4)
    one.stop()
    assert database("SELECT version FROM county") == str(version)
    assert database("SELECT streams FROM gateway") == "4"
    database(f"UPDATE county SET version = {version + 1}; ALTER TABLE gateway ADD later int; CREATE TABLE later (n int)")
    one.start()
    gateway.send(5, 6)
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)
    assert database("SELECT version FROM county") == str(version + 1)


def test_while_postgresql_is_away_nothing_is_acknowledged(database, broker, start):
    one = start("baiye-ingest", broker={"url": f"mqtt://127.0.0.1:{broker.port}", "keepalive": "15s"})
    gateway = Gateway(broker, "farm-1")
    database.kill()
    gateway.keep(*[reading("plot-1", n) for n in range(1, 11)])
    gateway.send(1, 10)
    assert one.child.wait(120) == 75, one.log()
    assert "unacknowledged" in one.log()
    one.start(ready=False)
    wait_until(lambda: "left alone until it answers" in one.log(), 120, one.log())
    database.start()
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)
