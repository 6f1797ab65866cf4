# SPDX-License-Identifier: Apache-2.0
"""Alerts as phones see them: on a real broker, acknowledged by one of them, and over a restart of
the gateway."""
import csv
import json
import os
import re
import subprocess
import time

import jsonschema
import pytest
from garden import ROOT, program, wait_until
from test_rpc import ask

SCHEMA = json.loads((ROOT / "protocols/mqtt/alert.schema.json").read_text())
LINES = [{"name": "west", "baud": 9600, "units": [
    {"kind": "zts-3001", "address": 7, "name": "soil"}]}]
COLD, DEEP = ({"name": name, "label": name, "metric": "soil_temperature", "level": "alarm",
               "below": limit} for name, limit in (("cold", 80), ("deep", -40)))


def start(site):
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s", more={"alerts": [COLD], "label": "龙坞茶园"})


def alert(site, id):
    payload = site.watcher.retained.get(f"alert/{id}")
    if not payload:
        return payload
    body = json.loads(payload)
    jsonschema.validate(body, SCHEMA)
    return body


def test_who_has_seen_an_alert_stands_in_its_topic(site, needs):
    needs("baiye-field", "baiyed")
    start(site)
    raised = wait_until(lambda: alert(site, "cold-garden"), 30, "the alert")
    assert raised["what"].startswith("cold: Soil temp. ") and "below 80 °C" in raised["what"]
    assert raised["zh"]["what"].startswith("cold：土温 ") and raised["place"] == "soil"
    assert "acked_by" not in raised and raised["where"] == "garden"
    assert ask(site, "ack", id="deep-garden")["error"]["code"] == "unknown"
    assert ask(site, "ack", id="cold-garden") == {"ok": True}
    acked = wait_until(lambda: (alert(site, "cold-garden") or {}).get("acked_by")
                       and alert(site, "cold-garden"), 10, "who has seen it")
    assert acked["acked_by"] == "watcher" and acked["acked_ts"] >= raised["since"]
    follows = {"acked_by", "acked_ts", "value", "extreme", "what", "zh"}  # who has seen it, and the readings
    assert {key: acked[key] for key in acked.keys() - follows} == {
        key: raised[key] for key in raised.keys() - follows}


def test_the_site_document_tells_the_limits_that_the_alerts_come_from(site, needs):
    needs("baiye-field", "baiyed")
    start(site)
    document = json.loads(wait_until(lambda: site.watcher.retained.get("site"), 30, "the site"))
    jsonschema.validate(document, json.loads((ROOT / "protocols/mqtt/site.schema.json").read_text()))
    assert document["label"] == "龙坞茶园"
    by_rule = {limit["rule"]: limit for limit in document["limits"]}
    assert set(by_rule) == {"cold"}
    assert (by_rule["cold"]["metric"], by_rule["cold"]["side"], by_rule["cold"]["limit"]) == (
        "soil_temperature", "below", 80)
    assert by_rule["cold"]["level"] and "devices" not in by_rule["cold"]


def test_an_alert_goes_on_over_a_restart_and_ends_when_its_rule_is_gone(site, needs):
    needs("baiye-field", "baiyed")
    start(site)
    wait_until(lambda: alert(site, "cold-garden"), 30, "the alert")
    assert ask(site, "ack", id="cold-garden") == {"ok": True}
    before = wait_until(lambda: (alert(site, "cold-garden") or {}).get("acked_by")
                        and alert(site, "cold-garden"), 10, "who has seen it")
    site.gateway.stop()
    site.watcher.retained.pop("alert/cold-garden")
    site.gateway.start()
    after = wait_until(lambda: alert(site, "cold-garden"), 30, "the alert of before")
    assert (after["since"], after["acked_by"], after["acked_ts"]) == (
        before["since"], before["acked_by"], before["acked_ts"])
    site.gateway.stop()
    site.gateway.config["alerts"] = [DEEP]
    site.gateway.write_config()
    site.gateway.start()
    wait_until(lambda: site.watcher.retained.get("alert/cold-garden") == b"", 30, "its end")


def test_the_seasons_list_has_what_stands_and_what_ended(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    start(site)
    raised = wait_until(lambda: alert(site, "cold-garden"), 30, "the alert")
    listed = wait_until(lambda: ask(site, "alerts")["alerts"], 10, "its row")
    assert [row["id"] for row in listed] == ["cold-garden"]
    jsonschema.validate(listed[0], SCHEMA)

    def baiye(*words):
        return subprocess.run([program("baiye"), "alert", *words, "--socket",
                               site.folder / "baiyed.sock"], capture_output=True, text=True,
                              timeout=120, check=False, env={**os.environ, "LANG": "zh_CN.UTF-8"})

    assert all(len(line) <= 80 for line in baiye("list").stdout.splitlines())
    assert "低温" not in baiye("list").stdout and "cold：土温" in baiye("list").stdout
    assert baiye("ack", "cold-garden").returncode == 0
    wait_until(lambda: "已看到" in baiye("list").stdout, 10, "who has seen it")
    assert baiye("ack", "none-such").returncode != 0
    site.gateway.stop()
    site.gateway.config["alerts"] = [DEEP]
    site.gateway.write_config()
    site.gateway.start()
    wait_until(lambda: site.watcher.retained.get("alert/cold-garden") == b"", 30, "its end")
    assert ask(site, "alerts") == {"alerts": []}
    season = wait_until(lambda: ask(site, "alerts", **{"from": raised["since"] - 1,
                                                       "to": raised["since"] + 86400000})["alerts"],
                        10, "the season's list")
    assert season[0]["id"] == "cold-garden" and season[0]["ended"] >= raised["since"]
    assert season[0]["acked_by"]
    table = list(csv.DictReader(baiye("csv").stdout.splitlines()))
    assert table[0]["id"] == "cold-garden" and table[0]["acknowledged_by"] and table[0]["worst"]
    assert "土温" in table[0]["what_zh"] and table[0]["unit"] == "°C"
    assert "cold-garden" in baiye("history").stdout and "没有告警" in baiye("list").stdout


def test_the_command_speaks_the_terminals_language_and_keeps_the_sites_time(site, needs):
    """The box stands in another zone than the garden, and two terminals in two languages."""
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s", more={"alerts": [COLD], "location": {
        "lat": 26.5, "lon": 107.9, "timezone": "Pacific/Kiritimati"}})
    raised = wait_until(lambda: alert(site, "cold-garden"), 30, "the alert")
    assert ask(site, "ack", id="cold-garden") == {"ok": True}
    wait_until(lambda: ask(site, "alerts")["alerts"][0].get("acked_by"), 10, "who has seen it")

    def baiye(*words, **language):
        clean = {name: value for name, value in os.environ.items()
                 if name not in ("LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE")}
        return subprocess.run([program("baiye"), "alert", *words, "--socket",
                               site.folder / "baiyed.sock"], capture_output=True, text=True,
                              timeout=120, check=False, env={**clean, "TZ": "America/Lima", **language})

    begun = time.strftime("%Y-%m-%d %H:%M", time.gmtime(raised["since"] / 1000 + 14 * 3600))
    english = baiye("list", LANG="en_GB.UTF-8").stdout
    assert english.startswith(begun) and " alarm " in english and "cold: Soil temp." in english
    assert "watcher has seen it, 2" in english
    for language in ({"LANG": "zh_CN.UTF-8"}, {"LC_ALL": "zh_CN.UTF-8", "LANG": "C"}):
        chinese = baiye("list", **language).stdout
        assert chinese.startswith(begun) and "cold：土温" in chinese and "watcher 已看到" in chinese
        assert "警报" in chinese and "has seen" not in chinese
    table = list(csv.DictReader(baiye("csv", LANG="C").stdout.splitlines()))
    assert table[0]["since"] == begun and table[0]["place_zh"] == "soil"
    assert table[0]["worst"] == f"{raised['extreme']:.{raised['decimals']}f}"
    wrong = baiye("history", "3x", LANG="zh_CN.UTF-8")
    assert wrong.returncode == 64 and "不是天数" in wrong.stderr and "Usage" not in wrong.stderr
    assert baiye("history", "0", LANG="C").returncode == 64


def test_a_log_that_comes_late_says_how_bad_an_alert_was_that_is_over(site, needs):
    """The node falls silent as the day begins and is back in the evening: what it measured at noon
    comes from its log, behind the end of the alert. A day of the garden takes 24 s."""
    needs("baiye-field", "baiyed", "baiye-node")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "native", "address": 1, "name": "plot-1", "period_s": 1}]}],
        weather={"speed": 3600, "start": "2026-08-01T22:00:00Z"})
    site.start_watcher()
    site.start_gateway(every="1s", more={"alerts": [
        {"name": "warm", "label": "热", "metric": "air_temperature", "above": 24, "clear": 24,
         "scope": "device"}]})
    fault = {"kind": "request", "line": "east", "unit": 1}

    def first_of(raised):
        rows = ask(site, "alerts", **{"from": raised["since"], "to": raised["since"] + 86400000})
        return rows["alerts"][-1]
    for _ in range(3):  # one whose beginning was slept through is no proof
        raised = wait_until(lambda: alert(site, "warm-plot-1"), 60, "the alert")
        site.field.control("fault", **fault)
        before = site.watcher.count("plot-1")
        polled = site.field.counts("east")["requests"]
        wait_until(lambda: site.field.counts("east")["requests"] > polled + 12, 60, "half a day")
        site.field.control("fault", probability=0, **fault)
        wait_until(lambda: not site.watcher.retained.get("alert/warm-plot-1"), 60, "its end")
        row = first_of(raised)
        if site.watcher.count("plot-1") > before:
            break

    def noon():
        during = [reading["values"]["air_temperature"] for key, reading in
                  site.watcher.copy().items() if key[0] == "plot-1" and
                  row["since"] <= reading["ts"] <= row["ended"]]
        worst = first_of(raised)["extreme"]
        return during and max(during) > row["value"] and abs(worst - max(during)) < 0.06 and worst
    assert wait_until(noon, 60, "the season's list has what the log says") > 24
    assert not site.watcher.retained.get("alert/warm-plot-1") or \
        alert(site, "warm-plot-1")["since"] > row["ended"]


@pytest.mark.parametrize("budget", [None, "1GB/month"])
def test_the_value_follows_the_readings_where_data_cost_nothing(site, needs, budget):
    """What a screen shows in large digits; over bought data it changes once a minute."""
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field([{"name": "west", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 9, "name": "air"}]}], weather={"speed": 600})
    site.start_watcher()
    more = {"alerts": [{"name": "warm", "label": "热", "metric": "air_temperature", "above": -40}]}
    site.start_gateway(every="500ms", more=more)
    if budget:
        site.gateway.stop()
        site.gateway.config["mqtt"][0]["budget"] = budget
        site.gateway.write_config()
        site.gateway.start()
    wait_until(lambda: alert(site, "warm-garden"), 30, "the alert")

    def requests():
        return site.field.counts("west")["requests"]
    values, polled, begun = set(), requests() + 30, time.monotonic()
    while requests() < polled:
        values.add(alert(site, "warm-garden")["value"])
        time.sleep(0.1)
    minutes = (time.monotonic() - begun) / 60
    assert len(values) >= 5 if budget is None else len(values) <= 2 + minutes, values


def silences(site):
    """The alerts about silent devices and lines that stand now."""
    found = {}
    for topic, payload in list(site.watcher.retained.items()):
        if topic.startswith(("alert/silent-", "alert/line-")) and payload:
            found[topic.split("/")[1]] = json.loads(payload)
            jsonschema.validate(found[topic.split("/")[1]], SCHEMA)
    return found


def test_a_silent_device_has_an_alert_and_a_dead_line_has_one_for_all(site, needs):
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field([{"name": "west", "baud": 9600, "units": [
        {"kind": "zts-3001", "address": 7, "name": "soil"},
        {"kind": "xy-md02", "address": 9, "name": "air"}]}])
    site.start_watcher()
    site.start_gateway(every="1s")
    wait_until(lambda: site.watcher.count() >= 4, 30, "readings")

    dead = {"line": "west", "unit": 7, "kind": "dead"}
    site.field.control("fault", **dead)
    wait_until(lambda: set(silences(site)) == {"silent-soil"}, 60, "the device's alert")
    alert = silences(site)["silent-soil"]
    assert alert["where"] == "soil" and alert["level"] == "watch" and alert["todo"]
    assert "没有应答" in alert["zh"]["what"] and alert["zh"]["todo"]

    site.field.control("unplug", line="west")
    wait_until(lambda: set(silences(site)) == {"line-west"}, 60, "one alert for the line")
    alert = silences(site)["line-west"]
    assert alert["where"] == "west" and "2 devices on line west" in alert["what"] and "adapter" in alert["todo"]

    # Lone dead units are tried seldom; all of a line that comes back are tried at once.
    site.field.control("fault", **dead, probability=0)
    site.field.control("replug", line="west")
    wait_until(lambda: not silences(site), 60, "all of it is over")
    assert site.watcher.retained["alert/line-west"] == b""


NIGHT = """site: s
location: { lat: 26.5, lon: 107.9, timezone: Asia/Shanghai }
buses:
  - name: east
    port: /dev/null
    devices:
      - { name: a, profile: xy-md02, address: 1, every: 60s }
      - { name: b, profile: xy-md02, address: 2, every: 60s }
alerts:
  - { name: frost, label: 霜冻, label_en: Frost, metric: air_temperature, below: 2, clear: 3,
      for: 10min, level: alarm, todo_en: cover the buds }
notify:
  - { name: family, wecom: { key_file: none.key } }
  - { name: son, language: en, webhook: { url: "https://example.org/" } }
groups: { first: [family], then: [son] }
escalate: 30min
"""


def night(step_s=60):
    """An export of two thermometers: 18:00 to 12:00 in Shanghai, coldest (-1) at 05:00."""
    rows = ["time,device,metric,unit,n,min,mean,max,sum\r\n"]
    for device, warmer in (("a", 0), ("b", 0.5)):
        for t in range(0, 18 * 3600, step_s):
            hours = t / 3600
            value = 8 - 9 * hours / 11 if hours < 11 else -1 + 3 * (hours - 11)
            rows.append(f"2026-03-2{(10 * 3600 + t) // 86400 + 1}T{(10 * 3600 + t) // 3600 % 24:02d}:"
                        f"{t // 60 % 60:02d}:00.000Z,{device},air_temperature,°C,1,"
                        f"{value + warmer:.2f},{value + warmer:.2f},{value + warmer:.2f},\r\n")
    return "".join(rows)


def replay(folder, text, **environment):
    (folder / "c.yaml").write_text(NIGHT)
    (folder / "e.csv").write_text(text)
    return subprocess.run([program("baiye"), "alert", "replay", "--config", folder / "c.yaml",
                           folder / "e.csv"], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "LANG": "en_US.UTF-8", **environment})


def test_rules_are_replayed_over_an_export(tmp_path, needs):
    needs("baiye")
    done = replay(tmp_path, night())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    both = ["sent   family (wecom)", "sent   son (webhook)"]
    assert [line[18:].split(":")[0] for line in lines[:-1]] == [
        "raised frost-garden (alarm)", *both, *4 * both, "over   frost-garden", *both]
    # 2 °C is passed at 01:20; ten minutes later it is told, half an hour later to the next group, then
    # to all again, since nobody answers, until it is over at 06:20.
    assert [line[11:16] for line in lines if "[Still open]" in line] == [
        "02:01", "02:31", "03:31", "04:31", "05:31"]
    assert "[Over] Frost: Air 3.0 °C (lowest -1.0)" in lines[-2]
    raised = next(line for line in lines if "raised" in line)
    assert raised.startswith("2026-03-22 01:3") and "Frost" in raised
    son = next(line for line in lines if "son (webhook)" in line)
    assert son.startswith("2026-03-22 02:0") and "[Still open] Frost" in son
    assert "What to do: cover the buds" in son
    assert "at worst -1.0 °C" in next(line for line in lines if "over   frost" in line)
    assert lines[-1] == "1 alerts, 12 messages"
    hourly = replay(tmp_path, night(3600))
    assert hourly.returncode == 0 and "1 alerts" in hourly.stdout, hourly
    chinese = replay(tmp_path, night(), LC_ALL="zh_CN.UTF-8").stdout
    assert "霜冻" in chinese and "raised" not in chinese and "sent " not in chinese
    assert chinese.splitlines()[-1] == "1 条告警，12 条消息"


def test_an_export_that_is_none_is_said_with_its_line(tmp_path, needs):
    needs("baiye")
    for text, says in (("", "the file is empty"), ("a,b\n", "e.csv:1: no columns"),
                       (night().replace("T10:01:00.000Z", "T10.01", 1), "e.csv:3: time"),
                       (night().replace("2026-03-21T10:01", "2026-02-31T10:01", 1), "e.csv:3: time: there"),
                       (night().replace("2026-03-21T10:01", "9999-03-21T10:01", 1), "more than 20 years"),
                       (re.sub(r"1,[-0-9.]+,[-0-9.]+,[-0-9.]+,", "1,\"1,5\",\"1,5\",\"1,5\",", night()),
                        "no row has a number"),
                       (night() + "x" * 1100 + "\n", "a line of more"),
                       (night().replace(",a,", ",x,").replace(",b,", ",y,"), "no row is of")):
        done = replay(tmp_path, text)
        assert done.returncode == 65 and says in done.stderr, done


def test_two_hundred_sensors_that_cross_in_one_second_are_one_alert(tmp_path, needs):
    needs("baiye")
    devices = "".join(f"      - {{ name: d-{n}, profile: xy-md02, address: {n}, every: 60s }}\n"
                      for n in range(1, 201))
    text = NIGHT.replace("port: /dev/null", "type: tcp\n    port: 127.0.0.1:502")
    head, tail = text.split("      - { name: a,")[0], text[text.index("alerts:"):]
    (tmp_path / "c.yaml").write_text(head + devices + tail.replace("escalate: 30min", ""))
    rows = ["time,device,metric,unit,n,min,mean,max,sum\r\n"]
    for minute in range(0, 40):
        value = 5 if minute < 5 or minute > 30 else 0.5
        rows += [f"2026-03-21T20:{minute:02d}:00.{n:03d}Z,d-{n},air_temperature,°C,1,{value},{value},"
                 f"{value},\r\n" for n in range(1, 201)]
    (tmp_path / "e.csv").write_text("".join(rows))
    done = subprocess.run([program("baiye"), "alert", "replay", "--config", tmp_path / "c.yaml",
                           tmp_path / "e.csv"], capture_output=True, text=True, timeout=120,
                          check=False, env={**os.environ, "LANG": "en_US.UTF-8"})
    assert done.returncode == 0, done.stderr
    sent = [line for line in done.stdout.splitlines() if "  sent   family" in line]
    assert done.stdout.splitlines()[-1].startswith("1 alerts, ") and len(sent) <= 3, done.stdout
