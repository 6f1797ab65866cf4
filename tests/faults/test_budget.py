# SPDX-License-Identifier: Apache-2.0
"""A month's mobile data runs short: readings until 80 % of the budget, then hourly means, with gaps that
say so; in the next month readings again. In the site's time, which the tests set."""
import calendar
import json
import subprocess
import time

import garden
import jsonschema
import pytest
from gateway import Gateway, assert_true
from test_disk import corrupt

BUDGET = 240_000  # a step of use_up() is a tenth of it: far from both 80 and 100 %
NOVEMBER = calendar.timegm((2026, 11, 15, 10, 30, 0))
DECEMBER = calendar.timegm((2026, 12, 1, 0, 10, 0))
SCHEMA = json.loads((garden.ROOT / "protocols" / "mqtt" / "readings.schema.json").read_text())


class Month:
    """A gateway on a plan, and its clock."""

    def __init__(self, folder, gateways, broker):
        self.clock = folder / "step"
        self.set(NOVEMBER)
        self.gateway = gateways(
            *Gateway.broker_arguments(broker), "--budget", BUDGET, "--commit-every", 50,
            environment={"LD_PRELOAD": str(garden.BUILD / "lib" / "clock-step.so"),
                         "BAIYE_CLOCK_STEP": str(self.clock)})

    def set(self, utc_s):
        garden.step_clock(self.clock, int(utc_s - time.time()))

    def broker(self):
        return self.gateway.stats()["brokers"][0]

    def put(self, count):
        stored = self.gateway.stats()["stored"]
        self.gateway.put(count)
        self.gateway.wait_stored(stored + count)

    def restart(self, broker, watcher):
        """Killed, so that the broker forgets; until all are connected again."""
        before = self.broker()["connects"]
        broker.kill()
        garden.wait_until(lambda: not watcher.client.is_connected(), 10, "the watcher sees it")
        broker.start()
        garden.wait_until(lambda: self.broker()["connects"] > before, 20, "the gateway is back")
        self.gateway.wait_state("up")
        garden.wait_until(lambda: watcher.client.is_connected(), 10, "the watcher is back")

    def use_up(self, watcher):
        """Readings until 80 % are used; all of them arrive."""
        while not self.broker()["thrifty"]:
            before = self.broker()["month"]
            self.put(160)
            garden.wait_until(lambda: self.broker()["backlog"] == 0 or self.broker()["thrifty"], 20,
                              "readings flow")
            garden.wait_until(lambda before=before: self.broker()["month"] > before, 10, "counted")
        assert self.broker()["month"] >= 0.8 * BUDGET
        assert watcher.count() > 80


def months(tmp_path):
    return (tmp_path / "readings.db.months").read_text()


def numbers(watcher, boot):
    """(device, seq) that arrived as readings, and that gaps tell of."""
    have = {(device, seq) for device, of, seq in watcher.copy() if of == boot}
    told = {(f"plot-{device}", seq) for device in range(8)
            for of, seq in watcher.gap_seqs(f"plot-{device}") if of == boot}
    return have, told


@pytest.fixture
def plan(tmp_path, gateways, broker):
    broker.start()
    return Month(tmp_path, gateways, broker)


def test_means_from_80_percent_and_readings_in_the_next_month(plan, broker, watchers):
    watcher = watchers(broker)
    gateway = plan.gateway
    plan.use_up(watcher)
    garden.wait_until(lambda: b"80 %" in watcher.retained.get("alert/budget-broker-0", b""), 5,
                      "an alert says so: alerts go out still")
    live = {device: value["seq"] for device, value in watcher.live.items()}
    plan.put(800)
    plan.set(NOVEMBER + 3600)  # the hour is over
    plan.put(8)
    garden.wait_until(lambda: plan.broker()["backlog"] == 8, 20, "the hour is delivered")
    assert plan.broker()["thinned"] > 0
    taken = gateway.stats()["taken"]
    # All but the last of each device: that is of the hour that goes on.
    hours = {(f"plot-{i}", seq) for i in range(8) for seq in range(1, taken // 8)}
    garden.wait_until(lambda: set.union(*numbers(watcher, gateway.boot)) == hours, 10, "all of it")
    garden.wait_until(lambda: sum(mean["means"]["air_temperature"][0] for mean in watcher.means)
                      == plan.broker()["thinned"], 10, "the means too")
    have, told = numbers(watcher, gateway.boot)
    full = watcher.count()
    assert not have & told
    assert len(told) == plan.broker()["thinned"] >= 800
    assert all(gap["why"] == "quota" for gap in watcher.gaps)
    for device in range(8):
        means = [mean for mean in watcher.means if mean["d"] == f"plot-{device}"]
        seqs = sorted(seq for name, seq in told if name == f"plot-{device}")
        assert sum(mean["means"]["air_temperature"][0] for mean in means) == len(seqs)
        assert min(mean["means"]["air_temperature"][1] for mean in means) == seqs[0] / 100
        assert max(mean["means"]["air_temperature"][3] for mean in means) == seqs[-1] / 100
        assert {mean["hour"] for mean in means} == {(NOVEMBER // 3600) * 3600000}
    jsonschema.validate({"v": 1, "gw": gateway.gw, "readings": watcher.means + watcher.gaps}, SCHEMA)
    for device, value in watcher.live.items():
        assert value["seq"] <= live[device] + 10, "live values go out on a used-up plan"

    plan.set(DECEMBER)
    plan.put(8)
    garden.wait_until(lambda: plan.broker()["backlog"] == 0, 20, "delivered")
    assert not plan.broker()["thrifty"]
    garden.wait_until(lambda: watcher.count() == full + 16, 20,
                      "readings again, and the hour that was being gathered too")
    garden.wait_until(lambda: watcher.retained["alert/budget-broker-0"] == b"", 10, "it ends")
    garden.wait_until(lambda: watcher.live["plot-7"]["seq"] == taken // 8 + 1, 10, "live again")
    seqs = [seq for name, seq in told if name == "plot-3"]
    asked = f"resend 3 {gateway.boot} {min(seqs)} {max(seqs)}"
    assert gateway.ask(asked)["found"] == len(seqs)
    garden.wait_until(lambda: watcher.count("plot-3") == taken // 8 + 1, 20,
                      "what was thinned comes when it is asked for")
    assert_true(watcher.copy())


def test_means_are_delivered_before_they_count_as_such(plan, broker, watchers):
    watcher = watchers(broker)
    gateway = plan.gateway
    plan.use_up(watcher)
    watcher.subscribed.clear()
    broker.stop()
    gateway.wait_state("down")
    cursor = plan.broker()["cursor"]
    plan.put(160)
    plan.set(NOVEMBER + 3600)
    plan.put(8)
    assert plan.broker()["cursor"] == cursor, "acknowledged without a broker"
    most = gateway.stats()["taken"] // 8
    gateway.kill()  # what was gathered is gathered again
    broker.start()
    assert watcher.subscribed.wait(120), "the broker may have forgotten the watcher, and that it waits"
    gateway.start()
    boot = gateway.boot - 1
    gateway.wait_state("up")
    garden.wait_until(lambda: plan.broker()["thrifty"], 5, "the month is known after a crash")
    plan.set(NOVEMBER + 7200)
    plan.put(8)
    garden.wait_until(lambda: plan.broker()["backlog"] <= 8, 20, "delivered")

    def all_told():
        have, told = numbers(watcher, boot)
        return have | told == {(f"plot-{i}", seq) for i in range(8) for seq in range(1, most + 1)}

    garden.wait_until(all_told, 10, "every number arrived or is told of")
    garden.wait_until(lambda: sum(mean["means"]["air_temperature"][0] for mean in watcher.means
                                  if mean["boot"] == boot) >= 168, 10, "their means")
    assert_true(watcher.copy())


def test_a_broker_that_restarts_gets_means_again_and_readings_next_month(plan, broker, watchers):
    """What it had in the last minute comes again as it was: nothing is told as a reading and as a
    gap, no mean counts a reading twice, and readings wait until there is data for them."""
    watcher = watchers(broker)
    gateway = plan.gateway
    plan.use_up(watcher)
    plan.put(80)  # of the same hour, and only in its means
    garden.wait_until(lambda: plan.broker()["backlog"] == 80, 10, "all readings are acknowledged")
    full = watcher.count()
    plan.restart(broker, watcher)
    plan.set(NOVEMBER + 3600)
    plan.put(8)
    garden.wait_until(lambda: plan.broker()["backlog"] == 8, 20, "the hour is delivered")

    def counted():
        return sum(mean["means"]["air_temperature"][0] for mean in watcher.means)

    garden.wait_until(lambda: counted() >= 80, 10, "its means")
    have, gone = numbers(watcher, gateway.boot)
    assert not have & gone, "told as a reading and as a gap"
    assert counted() == len(gone) == 80
    assert watcher.count() == full and watcher.duplicates == 0, "a plan that is short carried them"
    plan.restart(broker, watcher)  # within a minute of the means
    garden.wait_until(lambda: counted() >= 160, 20, "the means once more")
    have, again = numbers(watcher, gateway.boot)
    assert again == gone and not have & gone
    assert len({json.dumps(mean, sort_keys=True) for mean in watcher.means}) == 8, "the same"
    plan.set(DECEMBER)
    plan.put(8)
    garden.wait_until(lambda: watcher.duplicates > 0, 20, "the readings once more")
    garden.wait_until(lambda: watcher.count() == full + 16, 20, "and the new ones")
    assert_true(watcher.copy())


def test_both_lose_their_power_on_a_short_plan(plan, broker, watchers):
    """What the broker may have lost comes again in the next month: the plan carries it no sooner."""
    watcher = watchers(broker)
    gateway = plan.gateway
    plan.use_up(watcher)
    plan.put(80)
    garden.wait_until(lambda: plan.broker()["backlog"] == 80, 10, "all readings are acknowledged")
    plan.put(8)  # their cursor is written with these
    full, boot = watcher.count(), gateway.boot
    watcher.subscribed.clear()
    gateway.kill()
    broker.kill()
    broker.start()
    assert watcher.subscribed.wait(120), "the watcher is back"
    gateway.start()
    gateway.wait_state("up")
    plan.set(NOVEMBER + 3600)
    plan.put(8)
    garden.wait_until(lambda: plan.broker()["backlog"] <= 8, 20, "the hour is delivered")
    garden.wait_until(lambda: sum(mean["means"]["air_temperature"][0] for mean in watcher.means)
                      == 88, 10, "its means")
    have, gone = numbers(watcher, boot)
    assert not have & gone and len(gone) == 88, "told as a reading and as a gap"
    assert watcher.count() == full and watcher.duplicates == 0, "a plan that is short carried them"
    plan.set(DECEMBER)
    plan.put(8)
    garden.wait_until(lambda: watcher.duplicates > 0, 20, "the readings once more")
    garden.wait_until(lambda: watcher.count() == full + 16, 20, "and the new ones")
    assert_true(watcher.copy())


def test_a_new_month_sends_the_open_hour_and_nothing_else_again(plan, broker, watchers):
    watcher = watchers(broker)
    gateway = plan.gateway
    plan.use_up(watcher)
    garden.wait_until(lambda: gateway.stats()["next"] == plan.broker()["cursor"], 10,
                      "all readings are acknowledged")
    before = watcher.duplicates
    plan.put(80)
    plan.set(DECEMBER)
    plan.put(8)
    garden.wait_until(lambda: watcher.count() == gateway.stats()["taken"], 20, "readings again")
    assert watcher.duplicates == before


@pytest.mark.parametrize("damage", ["header", "gone"])
def test_the_month_survives_a_store_that_cannot_be_read(damage, plan, broker, watchers, tmp_path):
    watcher = watchers(broker)
    gateway = plan.gateway
    plan.use_up(watcher)
    used = plan.broker()["month"]
    assert gateway.quit() == 0
    assert months(tmp_path).startswith("broker-0 202611 ")
    if damage == "header":
        corrupt(gateway.store, [0])
    else:
        gateway.store.unlink()
    gateway.start()
    gateway.wait_state("up")
    assert plan.broker()["month"] >= used and plan.broker()["thrifty"]
    count = watcher.count()
    plan.put(80)
    plan.set(NOVEMBER + 3600)
    plan.put(8)
    garden.wait_until(lambda: plan.broker()["thinned"] >= 80, 20, "means, not readings")
    assert all(boot != gateway.boot for _, boot, _ in watcher.copy()) and watcher.count() >= count


def test_a_backup_carries_what_is_used_and_a_resend_says_when(site, needs, tmp_path):
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}])
    months_of = site.folder / "readings.db.months"
    used = f"local {time.strftime('%Y%m', time.gmtime())} 900000\n"
    months_of.write_text(used)
    gateway = site.start_gateway(every="1s", more={"mqtt": [{
        "name": "local", "url": f"mqtt://127.0.0.1:{site.broker.port}", "user": "gateway",
        "password_file": str(site.broker.password_file("gateway")), "budget": "1MB/month"}]})
    at = ["--config", gateway.config_path, "--socket", gateway.config["control"]["socket"]]

    def baiye(*arguments):
        done = subprocess.run([garden.program("baiye"), *map(str, [*arguments, *at])],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done
        return done.stdout

    socket = site.folder / "baiyed.sock"

    def stats():
        garden.wait_until(lambda: garden.listens(socket), 10, "the control socket")
        return json.loads(baiye("stats", "--json"))

    garden.wait_until(lambda: stats()["store"]["stored"] >= 3, 30, "readings")
    assert stats()["brokers"][0]["thrifty"]
    said = baiye("resend", "air", 1, 1, 2)
    assert said.startswith("readings that are kept and will be sent again: 2")
    now = time.gmtime()
    year, month = (now.tm_year + 1, 1) if now.tm_mon == 12 else (now.tm_year, now.tm_mon + 1)
    assert f"to local not yet: 80 % of this month's data are used; they go out on {year}-" \
           f"{month:02}-01 (UTC)" in said
    baiye("backup", tmp_path / "b.tar")
    assert site.gateway.stop() == 0
    for file in site.folder.glob("readings.db*"):
        file.unlink()
    baiye("restore", tmp_path / "b.tar")
    assert int(months_of.read_text().split()[2]) >= 900000
    assert not list(site.folder.glob("*backup-*")) + list(site.folder.glob("*.restored"))
    site.gateway.start()
    garden.wait_until(lambda: stats()["store"]["stored"] >= 1, 30, "it goes on")
    assert stats()["brokers"][0]["thrifty"] and stats()["brokers"][0]["bytes_month"] >= 900000
    assert baiye("resend", "air", 1, 1, 2).startswith("readings that are kept and will be sent again: 2")
