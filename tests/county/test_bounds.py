# SPDX-License-Identifier: Apache-2.0
"""What one garden may add to what is looked at with each message, or kept for good; and that an honest
one loses nothing by it."""
import time

from county import BASE_MS, DAY_MS, HOUR_MS, Fleet, Gateway, expected, holes, reading, settle, settle_at, stored
from garden import wait_until

EVERY_SECOND = "(SELECT range_agg(int8range(2 * n, 2 * n, '[]')) FROM generate_series(1, 8192) n)"
RANGES = "(SELECT count(*) FROM unnest({}))"


def dead(database):
    return database.rows("SELECT site, reason FROM dead ORDER BY id")


def come(gateway, *parts):
    """Sent, and looked at: the next one is taken after them."""
    for part in parts:
        gateway.send(*part)


def test_who_leaves_out_every_second_record_number_adds_no_more_holes(database, broker, ingest):
    """By its own statement, and by that of messages with more than one reading; what closes a hole or
    stands beside what is there is taken."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(*[reading("plot-1", n) for n in range(1, 16401)])
    come(gateway, (2, 2))
    settle_at(database, gateway, 2)
    database(f"UPDATE gateway SET ids = {EVERY_SECOND}")
    come(gateway, (16390, 16390), (16393, 16394), (16385, 16385), (5, 6), (7, 7))
    settle_at(database, gateway, 7)
    assert database(f"SELECT {RANGES.format('ids')} FROM gateway") == "8190"
    assert [site for site, _ in dead(database)] == ["farm-1"] * 2
    assert all("8192 holes in its record numbers" in reason for _, reason in dead(database))
    come(gateway, (16390, 16390), (16393, 16394))  # asked for again: now there is room
    settle_at(database, gateway, 16394)
    assert len(stored(database, gateway)) == 8 and len(dead(database)) == 2


def test_who_leaves_out_every_second_number_of_a_device_adds_no_more_holes(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    seqs = [2, 16390, 16393, 16385, 5, 7, 20001]
    gateway.keep(*[reading("plot-1", seq) for seq in seqs],
                 {"d": "plot-1", "boot": 1, "gap": [20003, 20003], "why": "timeout"}, reading("plot-2", 1))
    come(gateway, (1, 1))
    settle_at(database, gateway, 1)
    database(f"UPDATE stream SET have = {EVERY_SECOND}")
    come(gateway, (2, 2), (3, 3), (4, 4), (7, 8), (5, 5), (6, 6), (9, 9))
    settle_at(database, gateway, 9)
    assert database("SELECT ids FROM gateway") == "{[1,2),[4,7),[9,10)}"
    assert len(dead(database)) == 3 and all("8192 holes in its numbers" in why for _, why in dead(database))
    come(gateway, (2, 2))
    settle_at(database, gateway, 2)
    assert database(f"SELECT {RANGES.format('have')} FROM stream WHERE device = 'plot-1'") == "8191"


def test_a_device_that_answers_every_second_time_for_years_has_one_range(database, broker, ingest):
    """Its gaps are told, each of them: nothing is missing, and nothing grows."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 2), reading("plot-1", 16386),
                 {"d": "plot-1", "boot": 1, "gap": [16387, 16387], "why": "timeout"}, reading("plot-1", 16388))
    come(gateway, (1, 1))
    settle_at(database, gateway, 1)
    database(f"UPDATE stream SET have = {EVERY_SECOND} + int8multirange(int8range(16390, 16391)),"
             f" told = int8multirange(int8range(1, 16386)) - {EVERY_SECOND}")
    come(gateway, (2, 4))
    settle(database, gateway)
    assert database("SELECT have, told FROM stream") == "{[1,16387),[16388,16389),[16390,16391)}|{[16387,16388)}"
    assert database("SELECT first, last FROM missing") == "16389|16389"
    assert not dead(database)


def test_who_has_ever_new_devices_is_bounded_a_day(database, broker, ingest):
    ingest()
    gateway, other = Gateway(broker, "farm-1", deflate=True), Gateway(broker, "farm-2")
    gateway.keep(*[reading(f"plot-{n}", 1) for n in range(2001)])
    other.keep(reading("plot-1", 1))
    come(gateway, (1, 2001), (1, 2000), (2001, 2001), (5, 5))
    settle_at(database, gateway, 2000)
    come(other, (1, 1))
    settle(database, other)
    wait_until(lambda: len(dead(database)) == 2, 120, "both that would have begun too many are set aside")
    assert all("2000 devices and boots that are new today" in why for _, why in dead(database))
    assert database("SELECT count(*) FROM stream JOIN gateway USING (gw) WHERE site = 'farm-1'") == "2000"
    assert database("SELECT streams FROM gateway WHERE site = 'farm-1'") == "2000"
    database("UPDATE gateway SET began_on = began_on - 1")
    come(gateway, (2001, 2001))
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)


def test_who_has_new_devices_every_day_is_bounded_in_all(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(*[reading(f"plot-{n}", 1) for n in range(303)])
    come(gateway, (1, 1))
    settle_at(database, gateway, 1)
    database("UPDATE gateway SET streams = 20000, since = now() + interval '1 d'")
    come(gateway, (2, 2))
    wait_until(lambda: dead(database), 120, "it is set aside")
    assert "20000 devices and boots, and 300 for each day" in dead(database)[0][1]
    database("UPDATE gateway SET since = now() - interval '2 d'")
    come(gateway, (2, 301))
    settle_at(database, gateway, 301)
    database("UPDATE gateway SET since = now()")
    come(gateway, (302, 303))
    wait_until(lambda: len(dead(database)) == 2, 120, "and no more")


def test_who_has_ever_new_gateways_is_bounded(database, broker, ingest):
    ingest()
    database("INSERT INTO gateway (gw, site, seen) SELECT gen_random_uuid(), 'farm-1',"
             " now() - CASE WHEN n > 31 THEN interval '31 d' ELSE interval '0' END FROM generate_series(1, 50) n")
    last, beyond = Gateway(broker, "farm-1"), Gateway(broker, "farm-1")
    for gateway in last, beyond:
        gateway.keep(reading("plot-1", 1))
    come(last, (1, 1))
    settle(database, last)
    come(beyond, (1, 1))
    beyond.beat()
    wait_until(lambda: len(dead(database)) == 2, 120, "both are set aside")
    come(last, (1, 1))
    last.beat()
    settle_last = "SELECT count(*) FROM gateway WHERE last = 1"
    wait_until(lambda: database.number(settle_last) == 1, 120, "the one that is known is heard")
    assert all("has had 32 gateways" in why for _, why in dead(database))
    assert database.number(f"SELECT count(*) FROM gateway WHERE gw = '{beyond.uuid}'") == 0
    other = Gateway(broker, "farm-2")
    other.keep(reading("plot-1", 1))
    come(other, (1, 1))
    settle(database, other)


def test_one_garden_does_not_use_up_the_countys_names_of_metrics(database, broker, ingest):
    ingest()
    gateway, other = Gateway(broker, "farm-1"), Gateway(broker, "farm-2")
    for one, count in (gateway, 65), (other, 2):
        one.keep(*[reading("plot-1", n, values={f"of_{one.site[5:]}_{n}": 1}) for n in range(1, count + 1)])
    come(gateway, (1, 64), (65, 65))
    gateway.send(64, 64, {"v": 1, "gw": gateway.uuid, "readings": [reading("plot-1", 66, values={"of_1_3": 2})]})
    come(other, (1, 1), (2, 2))
    settle(database, other)
    wait_until(lambda: len(stored(database, gateway)) == 65, 120, "a name that is known is taken")
    assert [(site, "has brought 64 metrics" in why) for site, why in dead(database)] == [("farm-1", True)]
    assert database.rows("SELECT site, count(*) FROM metric WHERE site IS NOT NULL GROUP BY 1 ORDER BY 1") == [
        ("farm-1", "64"), ("farm-2", "2")]


def test_who_corrects_its_time_for_ever_is_bounded_and_old_ones_are_forgotten(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 1), {"boot": 9, "add_ms": 5, "id": 2}, reading("plot-1", 2))
    come(gateway, (1, 1))
    settle_at(database, gateway, 1)
    database(f"INSERT INTO correction SELECT '{gateway.uuid}', n, n, 1, now() - interval '91 d' FROM"
             " generate_series(100, 10099) n")
    come(gateway, (2, 2), (3, 3))
    settle_at(database, gateway, 3)
    assert "10000 corrections" in dead(database)[0][1]
    ingest("b")
    wait_until(lambda: database.number("SELECT count(*) FROM correction") == 0, 120, "the old ones are gone")
    come(gateway, (2, 2))
    settle(database, gateway)


def test_what_was_asked_is_not_kept_for_ever(database, broker, ingest, county):
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 1))
    come(gateway, (1, 1))
    settle(database, gateway)
    database(f"INSERT INTO asked (gw, first, last, answered, at) SELECT '{gateway.uuid}', n, n, true,"
             " now() - n * interval '1 h' FROM generate_series(1, 5) n")
    county()
    wait_until(lambda: database.number("SELECT count(*) FROM asked") == 1, 120, "what is older than two hours")


def test_what_a_gateway_calls_gone_is_bounded(database, broker, ingest, county):
    """What it says beyond that stays a hole."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.answers = False
    gateway.keep(*[reading("plot-1", n) for n in range(1, 4)])
    come(gateway, (1, 2))
    settle_at(database, gateway, 2)
    database("UPDATE gateway SET gone = (SELECT range_agg(int8range(10 * n, 10 * n, '[]'))"
             " FROM generate_series(1, 8192) n)")
    gateway.beat()
    county()
    wait_until(lambda: gateway.asked, 120, "it is asked")
    number = database("SELECT id FROM asked")
    gateway.client.publish(f"baiye/farm-1/answer/county/{number}", '{"gone":[[3,3]],"next":4}', qos=1)
    wait_until(lambda: database("SELECT answered FROM asked") == "t", 120, "it has answered")
    assert holes(database, gateway) == [(3, 3)]
    assert database(f"SELECT {RANGES.format('gone')} FROM gateway") == "8192"


class Dwellers(Fleet):
    """They have a hole without end, and answer each request with one number that is gone."""

    def answer(self, site, method, body):
        first = body["ids"][0]
        return {"found": 0, "gone": [[first, first]], "next": first + 1} if site.startswith("bad-") else None


def test_gateways_that_always_have_a_hole_keep_nobody_waiting(database, broker, ingest, county):
    """More of them than are asked at once, with the lowest numbers of all."""
    ingest()
    honest, dwellers = Gateway(broker, "farm-1"), Dwellers(broker)
    honest.uuid = "f" * 8 + honest.uuid[8:]
    honest.keep(*[reading("plot-1", n) for n in range(1, 31)])
    come(honest, (1, 10), (21, 30))
    settle_at(database, honest, 30)
    database("INSERT INTO gateway (gw, site, first, last, sent, boot) SELECT"
             " ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'bad-' || n, 1, 1000000, 1, 1"
             " FROM generate_series(1, 120) n")
    database(f"UPDATE gateway SET last = 30 WHERE gw = '{honest.uuid}'")
    try:
        county()
        settle(database, honest)
    finally:
        dwellers.stop()
    assert stored(database, honest) == expected(honest)


HOURS = "(SELECT count(*) FROM hour JOIN stream ON stream.id = stream JOIN gateway g USING (gw) WHERE g.gw = gateway.gw)"


def test_who_invents_dates_makes_no_hours_without_end(database, broker, ingest):
    """By batches, one by one, as means and by a correction; hours of now are made all the same, and what
    was set aside comes when it is asked for."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    now_ms = int(time.time() * 1000)
    mean = {"d": "plot-1", "boot": 1, "of": [900, 901], "hour": BASE_MS, "means": {"air_temperature": [2, 1, 2, 3]}}
    gateway.keep(reading("plot-1", 1, ts=BASE_MS), reading("plot-1", 2, ts=BASE_MS + HOUR_MS),
                 *[reading("plot-1", n, ts=BASE_MS - n * 9000 * HOUR_MS) for n in range(3, 13)], mean,
                 reading("plot-1", 13, ts=BASE_MS, gb=9), {"boot": 9, "add_ms": -30 * 9000 * HOUR_MS, "id": 15},
                 reading("plot-1", 14, ts=now_ms), reading("plot-1", 15, ts=now_ms))
    come(gateway, (1, 2), (14, 14))
    settle_at(database, gateway, 14)
    assert database(f"SELECT hour_rows, {HOURS} FROM gateway") == "2|2"
    database("UPDATE gateway SET hour_rows = hour_rows + 6000000")
    come(gateway, (3, 8), *[(n, n) for n in range(9, 13)], (13, 13), (15, 15), (16, 16), (17, 17))
    settle_at(database, gateway, 17)
    wait_until(lambda: len(dead(database)) == 7, 120, "all of it is set aside")
    assert all("has made 5000000 hours, and 100000 for each day" in why for _, why in dead(database))
    assert database("SELECT ids FROM gateway") == "{[1,3),[14,15),[16,18)}"
    database("UPDATE gateway SET hour_rows = hour_rows - 6000000")
    come(gateway, (3, 8), *[(n, n) for n in range(9, 13)], (13, 13), (15, 15))
    settle(database, gateway)
    assert database(f"SELECT hour_rows >= {HOURS} + 1, {HOURS} > 11 FROM gateway") == "t|t"


def test_a_reading_of_a_time_to_come_stops_no_partitions_and_is_dropped_with_the_others(database, broker, ingest):
    """By a clock that is wrong: it is kept as long as others, and makes no hour. One by one and in a batch."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    now_ms, week_ms = int(time.time() * 1000), 7 * DAY_MS
    gateway.keep(reading("plot-1", 1, ts=now_ms + 6 * week_ms), reading("plot-1", 2, ts=now_ms - 500 * week_ms),
                 reading("plot-1", 3, ts=now_ms + 500 * week_ms), reading("plot-1", 4, ts=now_ms),
                 reading("plot-1", 5, ts=now_ms + 3 * DAY_MS), reading("plot-1", 6, ts=now_ms + DAY_MS),
                 reading("plot-1", 7, ts=now_ms + 500 * week_ms, gb=9), reading("plot-1", 8, ts=now_ms - 500 * week_ms, gb=9))
    come(gateway, (1, 4), (5, 5), (6, 6), (7, 8))
    settle(database, gateway)
    assert database.rows("SELECT seq FROM misdated ORDER BY seq") == [("1",), ("3",), ("5",), ("7",), ("8",)]
    assert database.rows("SELECT seq FROM reading ORDER BY seq") == [("2",), ("4",), ("6",)]
    assert database("SELECT count(DISTINCT hour) FROM hourly") == "3"
    # As from before there was such a table.
    database(f"INSERT INTO reading (stream, seq, ts) SELECT stream, 9, to_timestamp({now_ms + 6 * week_ms} / 1000.0)"
             " FROM reading LIMIT 1; UPDATE misdated SET at = now() - interval '91 d' WHERE seq = 3;"
             "UPDATE partman.part_config SET premake = 8")  # as when four weeks have passed
    before = database.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass")
    ingest("b")
    wait_until(lambda: database.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass") > before,
               60, "partitions of the weeks to come")
    assert database.rows("SELECT seq FROM misdated ORDER BY seq") == [("1",), ("5",), ("7",), ("8",), ("9",)]
    assert database.rows("SELECT seq FROM reading ORDER BY seq") == [("4",), ("6",)], "what is too old is dropped"
    assert database.number("SELECT count(*) FROM ONLY reading_default") == 0
    assert not dead(database)


def test_a_correction_of_a_clock_that_was_ahead_brings_its_readings_back(database, broker, ingest):
    """And one that is wrong itself makes no hours of years to come."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    ahead = 5000 * DAY_MS
    gateway.keep(*[reading("plot-1", n, ts=BASE_MS + ahead + n * 60000, gb=9, s=7) for n in (1, 2)],
                 {"boot": 9, "add_ms": -ahead, "id": 3}, reading("plot-1", 3, ts=BASE_MS + ahead, gb=9),
                 reading("plot-1", 4, ts=BASE_MS, gb=10), {"boot": 10, "add_ms": ahead, "id": 6})
    come(gateway, (1, 2), (3, 3), (4, 4), (5, 5), (6, 6))
    settle(database, gateway)
    assert database.rows("SELECT seq, extract(epoch FROM ts) * 1000 FROM reading WHERE seq < 4 ORDER BY seq") == [
        ("1", f"{BASE_MS + 60000}.000000"), ("2", f"{BASE_MS + 120000}.000000")]
    assert database("SELECT extract(epoch FROM hour) * 1000, n FROM hourly") == f"{BASE_MS}.000000|2"
    assert database("SELECT hour_rows FROM gateway") == "1"
    ingest("b")
    wait_until(lambda: database.number("SELECT count(*) FROM misdated WHERE seq = 4") == 1, 120, "it is put aside")


def test_what_is_told_of_anothers_gateway_is_set_aside(database, broker, ingest):
    ingest()
    good, thief = Gateway(broker, "farm-1"), Gateway(broker, "farm-2")
    good.keep(reading("plot-1", 1))
    come(good, (1, 1))
    settle(database, good)
    thief.uuid = good.uuid
    thief.beat()
    wait_until(lambda: dead(database), 120, "it is set aside")
    assert dead(database) == [("farm-2", f"22023 gateway {good.uuid} is of site farm-1")]
    assert database("SELECT last FROM gateway") == ""
