# SPDX-License-Identifier: Apache-2.0
"""The forecast as phones and screens see it. A spring of hourly readings is put into the store by the
gateway without buses; then the whole gateway runs on that store, on an evening in April, with a
line on which nobody answers: what it says of tomorrow comes from the store and from notes by rpc."""
import datetime
import json
import math
import pathlib
import sys
import time

import jsonschema
import pytest

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))

import garden  # noqa: E402
import gateway as without_buses  # noqa: E402
from test_rpc import ask  # noqa: E402

SCHEMA, ALERT = (json.loads((garden.ROOT / f"protocols/mqtt/{name}.schema.json").read_text())
                 for name in ("forecast", "alert"))
ZONE = datetime.timezone(datetime.timedelta(hours=8))
EVENING = datetime.datetime(2027, 4, 10, 21, 30, tzinfo=ZONE)
HOUR_S = 3600
DAYS = 80  # of readings, so that what is missing of January is little warmth
PLOTS = [{"name": "upper", "label": "上坡", "area": "1.5mu", "standard": "1B1L", "soil": "loam",
          "devices": ["plot-0"]},
         {"name": "bare", "label": "坡脚", "area": "2mu", "soil": "clay", "devices": ["plot-1"]}]


def spring(moment):
    """Temperature and humidity of a spring that warms day by day; afternoons are 8 K warmer."""
    day = moment.timetuple().tm_yday
    return (4 + 0.13 * day + 4 * math.sin((moment.hour - 8) / 24 * 2 * math.pi), 75)


class Garden:
    def __init__(self, site):
        self.site, self.step = site, site.folder / "step"
        self.environment = {"LD_PRELOAD": str(garden.BUILD / "lib" / "clock-step.so"),
                            "BAIYE_CLOCK_STEP": str(self.step), "BAIYE_CLOCK": "trusted"}
        site.start_broker()

    def set_clock(self, moment):
        garden.step_clock(self.step, round(moment.timestamp() - time.time()))

    def fill(self, until, hours, weather=spring):
        """Hourly readings of plot-0, the last one a minute before `until`'s hour began."""
        folder = self.site.folder / "fill"
        folder.mkdir(exist_ok=True)
        filler = without_buses.Gateway(folder, "--devices", 2, "--values", 5,
                                       store=self.site.folder / "readings.db",
                                       environment=self.environment)
        try:
            begin = until.replace(minute=0, second=0, microsecond=0)
            for i in range(hours, 0, -1):
                moment = begin - datetime.timedelta(hours=i)
                air_c, humidity = weather(moment)
                at_ms = round((moment.timestamp() + HOUR_S - 60) * 1000)
                taken = filler.ask(f"reading 0 {at_ms} {air_c:.2f} - - {humidity} 18")["taken"]
                if taken % 200 == 0:  # what waits in RAM is bounded
                    filler.wait_stored(taken)
            filler.wait_stored(taken)
            assert filler.stats()["lost"] == 0
            assert filler.quit() == 0
        finally:
            filler.kill()

    def start(self):
        bus = {"name": "east", "type": "tcp", "port": f"127.0.0.1:{garden.free_port()}",
               "devices": [{"name": f"plot-{i}", "profile": "baiye-node", "address": i + 1,
                            "every": "60s"} for i in range(2)]}
        self.site.gateway = garden.Gateway(self.site.folder, self.site.broker, [bus], plots=PLOTS)
        self.site.gateway.environment.update(self.environment)
        self.site.gateway.start()

    def forecast(self, fits=lambda document: True, seconds=30, what="a forecast"):
        """The newest one at the subscriber that fits."""
        def newest():
            payload = self.site.watcher.retained.get("forecast")
            document = json.loads(payload) if payload else None
            return document if document and fits(document) else None
        document = garden.wait_until(newest, seconds, what)
        jsonschema.validate(document, SCHEMA)
        return document

    def alert(self):
        payload = self.site.watcher.retained.get("alert/frost")
        if payload:
            jsonschema.validate(json.loads(payload), ALERT)
            return json.loads(payload)
        return payload


@pytest.fixture
def tea(site, needs):
    needs("baiyed", "fault-gateway")
    made = Garden(site)
    made.set_clock(EVENING)
    return made


def pick(tea, day, kg, pickers):
    answer = ask(tea.site, "pick", id=f"{day}", plot="upper", day=f"2027-04-{day:02}", kg=kg,
                 pickers=pickers)
    assert answer == {"ok": True}


def assert_ordered(triple):
    assert triple == sorted(triple) and triple[0] >= 0


def without_time(document):
    return {key: value for key, value in document.items() if key != "ts"}


def test_the_forecast_follows_the_notes_and_survives_a_restart(tea):
    tea.fill(EVENING, DAYS * 24)
    tea.site.start_watcher()
    tea.start()
    first = tea.forecast()
    upper, bare = first["plots"]["upper"], first["plots"]["bare"]
    assert abs(first["ts"] / 1000 - EVENING.timestamp()) < 900
    assert upper["thermal_time"] > 67 and 0 < upper["share_ready"] < 1
    assert upper["pick_kg"] is None and upper["why"], "nobody said how many come"
    for name in ("thermal_time", "share_ready", "ready_kg", "pick_kg", "pickers"):
        assert bare[name] is None, f"{name} of a plot without a reading"
    assert bare["why"]
    assert first["frost"]["level"] == "none" and "上坡" in first["frost"]["why"]
    assert {d["name"]: d["level"] for d in first["disease"]} == {
        "blister_blight": "low", "white_star": "low", "anthracnose": "low"}
    assert [(w["plot"], w["level"], w["irrigate"]) for w in first["water"]] == [
        ("upper", "medium", True), ("bare", "info", None)]

    for day, kg in ((6, 6), (8, 7), (9, 5)):
        pick(tea, day, kg, 3)
    crew = tea.forecast(lambda d: d["plots"]["upper"]["pick_kg"], what="an estimate by the notes")
    pick(tea, 11, 0, 12)  # no kilograms of a day to come: so many will come
    booked = tea.forecast(
        lambda d: d["plots"]["upper"]["pick_kg"]
        and d["plots"]["upper"]["pick_kg"][1] > 1.5 * crew["plots"]["upper"]["pick_kg"][1],
        what="an estimate for four times as many")
    assert_ordered(booked["plots"]["upper"]["pick_kg"])
    assert booked["plots"]["upper"]["by"] == "forecast"
    assert crew["plots"]["upper"]["booked"] is None and booked["plots"]["upper"]["booked"] == 12
    assert booked["plots"]["bare"]["pick_kg"] is None

    assert booked["plots"]["upper"]["ready_kg"] is None, "nobody counted"
    assert ask(tea.site, "count", id="c", plot="upper", day="2027-04-09", shoots=20, frames=3) == \
        {"ok": True}
    counted = tea.forecast(lambda d: d["plots"]["upper"]["ready_kg"], what="what is ready")
    assert_ordered(counted["plots"]["upper"]["ready_kg"])
    assert counted["plots"]["upper"]["pick_kg"] == booked["plots"]["upper"]["pick_kg"]
    assert [(c["day"], c["shoots"]) for c in ask(tea.site, "counts", plot="upper")["counts"]] == \
        [("2027-04-09", 20)]

    settled = tea.forecast(lambda d: d["plots"]["upper"]["score"]["days"] >= 1, what="a score")
    assert tea.site.gateway.stop() == 0
    tea.site.watcher.retained.pop("forecast")
    tea.site.gateway.start()
    assert without_time(tea.forecast(what="the forecast of after the restart")) == \
        without_time(settled)


def test_a_frost_is_told_in_the_evening_and_is_over_by_day(tea):
    last = EVENING.replace(minute=0)

    def clear_night(moment):
        """It falls from 8 °C at 18:00 by 1.3 K an hour, in dry air."""
        since = (moment - last.replace(hour=18)).total_seconds() / HOUR_S
        return (8 - 1.3 * since, 45) if since >= 0 else spring(moment)

    tea.fill(EVENING, DAYS * 24, clear_night)
    tea.site.start_watcher()
    tea.start()
    frost = tea.forecast(lambda d: d["frost"] and d["frost"]["level"] != "none",
                         what="a frost")["frost"]
    morning = EVENING.replace(day=11, hour=6, minute=30)  # sunrise
    assert abs(frost["at"] / 1000 - morning.timestamp()) < 120 and frost["min_c"] <= 2
    raised = garden.wait_until(tea.alert, 10, "the alert")
    assert raised["where"] == "upper" and raised["level"] == "alarm" and raised["todo"]
    assert "霜冻" in raised["zh"]["what"] and raised["zh"]["todo"]

    noon = EVENING.replace(day=11, hour=13)
    assert tea.site.gateway.stop() == 0
    tea.set_clock(noon)
    tea.fill(noon, 5)
    tea.start()
    tea.forecast(lambda d: d["frost"] and d["frost"]["level"] == "none", what="the end of it")
    garden.wait_until(lambda: tea.alert() == b"", 30, "the alert is cleared")
