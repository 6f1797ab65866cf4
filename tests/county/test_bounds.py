# SPDX-License-Identifier: Apache-2.0
"""What one garden may add to what is looked at with each message, or kept for good; and that an honest
one loses nothing by it."""
from county import Fleet, Gateway, expected, holes, reading, settle, stored
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


def settle_at(database, gateway, number):
    wait_until(lambda: database.number(f"SELECT count(*) FROM gateway WHERE gw = '{gateway.uuid}' AND"
                                       f" ids @> {number}::int8"), 120, f"{number} is there")


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
    database("UPDATE gateway SET began_on = began_on - 1")
    come(gateway, (2001, 2001))
    settle(database, gateway)
    assert stored(database, gateway) == expected(gateway)


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
    wait_until(lambda: dead(database), 120, "it is set aside")
    come(last, (1, 1))
    last.beat()
    settle_last = "SELECT count(*) FROM gateway WHERE last = 1"
    wait_until(lambda: database.number(settle_last) == 1, 120, "the one that is known is heard")
    assert "has had 32 gateways" in dead(database)[0][1]
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


def test_a_reading_of_a_week_to_come_does_not_stop_the_countys_partitions(database, broker, ingest):
    """It lies where there is no partition yet, and is moved when there is one."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    week_ms = 7 * 24 * 3600000
    now_ms = database.number("SELECT (extract(epoch FROM now()) * 1000)::int8")
    gateway.keep(reading("plot-1", 1, ts=now_ms + 6 * week_ms), reading("plot-1", 2, ts=now_ms - 500 * week_ms),
                 reading("plot-1", 3, ts=now_ms + 500 * week_ms), reading("plot-1", 4, ts=now_ms))
    come(gateway, (1, 4))
    settle(database, gateway)
    assert database.number("SELECT count(*) FROM ONLY reading_default") == 3
    database("UPDATE partman.part_config SET premake = 8")  # as when four weeks have passed
    before = database.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass")
    ingest("b")
    wait_until(lambda: database.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass") > before,
               60, "partitions of the weeks to come")
    assert database.rows("SELECT seq FROM reading ORDER BY ts") == [("4",), ("1",), ("3",)], "what is too old is dropped"
    assert database.number("SELECT count(*) FROM ONLY reading_default") == 1
