# SPDX-License-Identifier: Apache-2.0
"""What gateways tell of themselves, as baiye-ingest keeps it: what is said now, and what a broker has
kept from some time before."""
import json
import time

import pytest

from county import BASE_MS, Gateway, reading, settle
from garden import wait_until

SITE = {"site": "farm-1", "label": "南坡", "location": {"lat": 26.5, "lon": 107.9,
                                                     "timezone": "Asia/Shanghai"}}


def say(gateway, leaf, body, retain=True):
    payload = body if isinstance(body, (bytes, str)) else json.dumps(body)
    gateway.send_raw(payload.encode() if isinstance(payload, str) else payload, leaf=leaf,
                     retain=retain).wait_for_publish(10)


def log(gateway, last, **more):
    return {"gw": gateway.uuid, "first": 1, "last": last, "sent": last, "boot": 1, "ts": BASE_MS, **more}


def documents(database):
    return database.rows("SELECT name, body #>> '{}' FROM document ORDER BY name")


def test_documents_are_kept_changed_and_taken_back(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    say(gateway, "site", SITE)
    say(gateway, "gateway/status", "online")
    say(gateway, "alert/frost", {"id": "frost", "what": "frost: 1 °C"})
    say(gateway, "alert/silent-plot-1", {"id": "silent-plot-1", "what": "silent"})
    wait_until(lambda: len(documents(database)) == 4, 120, "all are there")
    say(gateway, "alert/frost", b"")
    say(gateway, "gateway/status", "offline")
    wait_until(lambda: ("status", "offline") in documents(database), 120, "all came")
    assert [name for name, _ in documents(database)] == ["alert/silent-plot-1", "site", "status"], "one is over"
    assert database("SELECT body ->> 'label' FROM document WHERE name = 'site'") == "南坡"
    assert database.number("SELECT count(*) FROM dead") == 0


WRONG = [
    ("site", "{"), ("site", "[]"), ("site", '"x"'), ("gateway/status", "perhaps"),
    ("alert/frost", '{"what": "a\\u0000b"}'), ("forecast", '{"ts": 1, "picked": {}}'),
    ("site", '{"a":' * 900 + "1" + "}" * 900), ("gateway/log", '{"gw": "x"}'),
    ("forecast", '{"ts": 1e300, "plots": {"a": {"pick_kg": [1, 2, 3]}}}'),
    ("site", '{"a": "' + "x" * 140000 + '"}'), ("alert/frost", '{"what": "' + "x" * 10000 + '"}'),
    # The next number would be none, and the ranges of all gateways are computed in one statement.
    ("gateway/log", '{"gw": "01234567-89ab-cdef-0123-456789abcdef", "first": 1, "sent": 0, "boot": 1,'
                    ' "ts": 1, "last": 9223372036854775807}')]


@pytest.mark.parametrize("leaf, body", WRONG, ids=range(len(WRONG)))
def test_what_is_no_such_document_is_set_aside_and_the_next_is_taken(database, broker, ingest, leaf,
                                                                     body):
    ingest()
    gateway = Gateway(broker, "farm-1")
    say(gateway, "site", SITE)
    wait_until(lambda: documents(database), 120, "it hears")
    say(gateway, leaf, body)
    say(gateway, "gateway/status", "online")
    wait_until(lambda: len(documents(database)) == 2, 120, "the next one")
    assert database.number("SELECT count(*) FROM dead") == 1
    assert [name for name, _ in documents(database)] == ["site", "status"]


def test_what_ended_while_nobody_listened_is_over(database, broker, start):
    """The broker has nothing to hand out of it; what still stands it hands out anew."""
    one = start("baiye-ingest", settle="3s")
    gateway = Gateway(broker, "farm-1")
    for name in "frost", "silent":
        say(gateway, f"alert/{name}", {"id": name, "what": name})
    wait_until(lambda: len(documents(database)) == 2, 120, "both stand")
    one.stop()
    database("UPDATE document SET at = at - interval '1 h'")
    say(gateway, "alert/frost", b"")
    one.start()
    wait_until(lambda: [name for name, _ in documents(database)] == ["alert/silent"], 120, "one is over")


def test_the_days_are_what_the_newest_forecast_says(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    now = int(time.time() * 1000)
    today = database("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")

    def forecast(ts, kg, middle):
        return {"ts": ts, "picked": [{"day": today, "kg": kg, "pickers": 4},
                                     {"day": "1999-01-01", "kg": 1, "pickers": 1}],
                "plots": {"a": {"pick_kg": [1, middle, 9]}, "b": {"pick_kg": None},
                          "c": {"pick_kg": [1, 1, 1]}}}
    say(gateway, "site", SITE)
    say(gateway, "forecast", forecast(now, 12.5, 5))
    say(gateway, "forecast", forecast(now - 3600000, 7, 3))
    say(gateway, "site", {**SITE, "label": "last"})
    wait_until(lambda: database.number(
        "SELECT count(*) FROM document WHERE body ->> 'label' = 'last'"), 120, "all are there")
    assert database.rows("SELECT day, kg, pickers, low, middle, high FROM day ORDER BY day") == [
        (today, "12.5", "4", "", "", ""),
        (database(f"SELECT '{today}'::date + 1"), "", "", "2", "6", "10")]
    assert database.number("SELECT count(*) FROM dead") == 0


def test_a_forecast_of_a_clock_that_was_ahead_does_not_hold_the_picks_for_good(database, broker,
                                                                              ingest):
    """A gateway without a clock of its own may tell of next year before it hears the time."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    now = int(time.time() * 1000)
    today = database("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")

    def forecast(ts, kg):
        return {"ts": ts, "picked": [{"day": today, "kg": kg, "pickers": 4}], "plots": {}}
    say(gateway, "forecast", forecast(now + 365 * 86400000, 7))
    wait_until(lambda: database("SELECT kg FROM day") == "7", 120, "the first")
    say(gateway, "forecast", forecast(now + 60000, 12.5))
    wait_until(lambda: database("SELECT kg FROM day") == "12.5", 20, "what is right")


def test_a_gateway_is_as_it_was_last_heard_and_not_as_a_broker_kept_it(database, broker, ingest):
    """An ingest that starts hears what the broker has kept of gateways that are long silent."""
    one = ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("plot-1", 1))
    gateway.send(1, 1)
    settle(database, gateway)
    say(gateway, "gateway/log", log(gateway, 1, version="1.2", month_bytes=5000))
    wait_until(lambda: database("SELECT version, month_bytes FROM gateway") == "1.2|5000", 120, "log")
    database("UPDATE gateway SET seen = now() - interval '5 h'")
    one.stop()
    say(gateway, "gateway/log", log(gateway, 40, ts=BASE_MS + 60000))  # nobody hears it
    one.start()
    wait_until(lambda: database("SELECT last FROM gateway") == "40", 120, "what was said meanwhile")
    assert database("SELECT seen < now() - interval '4 h' FROM gateway") == "t", "it does not live"
    say(gateway, "gateway/log", log(gateway, 40, ts=BASE_MS + 70000, undone="1.3+deb12"))
    wait_until(lambda: database("SELECT undone FROM gateway") == "1.3+deb12", 120, "it has gone back")
    say(gateway, "gateway/log", log(gateway, 41, ts=BASE_MS), retain=False)
    wait_until(lambda: database("SELECT last FROM gateway") == "41", 120, "what is said now")
    assert database("SELECT seen > now() - interval '1 min', undone FROM gateway") == "t|", "nor is it undone"
    assert database.number("SELECT count(*) FROM dead") == 0


HUGE = [{"kg": 1e308, "pickers": 1}, {"kg": "NaN", "pickers": 1}, {"kg": "Infinity", "pickers": 1},
        {"kg": -5, "pickers": 1}, {"kg": 1, "pickers": 2000000000}, {"kg": {"a": 1}, "pickers": 1}]


def test_no_garden_spoils_the_sums_of_the_county(database, broker, ingest):
    """What is summed up over all gardens is no number that a float or a person can't hold."""
    ingest()
    today = database("SELECT (now() AT TIME ZONE 'UTC')::date")
    for n, wrong in enumerate(HUGE):
        gateway = Gateway(broker, f"farm-{n}")
        for plots in {}, {"a": {"pick_kg": [0, wrong["kg"], 1e308]}}, {"a": {"pick_kg": ["NaN"] * 3}}:
            say(gateway, "forecast", {"ts": int(time.time() * 1000), "plots": plots,
                                      "picked": [{"day": today, **wrong}]})
        say(gateway, "site", SITE)
    wait_until(lambda: database.number("SELECT count(*) FROM document WHERE name = 'site'") ==
               len(HUGE), 120, "all came")
    assert database("SELECT count(*), coalesce(sum(kg), 0), coalesce(sum(middle), 0) FROM day") == "0|0|0"


def test_a_garden_that_tells_too_much_fills_no_disk(database, broker, ingest):
    ingest()
    gateway = Gateway(broker, "farm-1")
    database("INSERT INTO document (site, name, broker, body) SELECT 'farm-1', 'alert/' || n, 'x', '{}'"
             " FROM generate_series(1, 2100) n")
    say(gateway, "alert/more", {"what": "more"})
    say(gateway, "gateway/log", log(gateway, 1))
    wait_until(lambda: database.number("SELECT count(*) FROM gateway"), 120, "both came")
    assert database.number("SELECT count(*) FROM document") == 2100
    assert database("SELECT topic, reason FROM dead") == "baiye/farm-1/alert/more|22023 site farm-1 has 2100 documents"
