# SPDX-License-Identifier: Apache-2.0
"""Outputs that act, with a relay in the simulated garden: watering until it is wet, and all that
must switch it off again: the end of the cause, of its time, of the gateway, of the values."""
import json
import signal
import subprocess
import time

from garden import Ledger, listens, program, wait_until
from test_rpc import ask, by_socket

RELAY = {"line": "west", "unit": 2}
DRY = {"name": "dry", "label": "干旱", "metric": "soil_moisture", "below": 50, "clear": 51}
WATER = {"name": "water", "label": "浇水", "device": "relay", "write": "out-1", "when": "dry",
         "for": "40s", "pause": "1s", "override": "1h", "fail": "off"}


def lines(waters):
    return [{"name": "west", "baud": 19200, "units": [
        {"kind": "zts-3001", "address": 7, "name": "soil"},
        {"kind": "relay", "address": 2, "name": "relay", "waters_pct_s": waters}]}]


def start(site, action, rules=(DRY,), waters=0.0, **more):
    site.start_broker()
    site.start_field(lines(waters), weather={"speed": 1, "start": "2026-08-01T06:00:00Z"})
    site.start_watcher()
    actions = [{**WATER, **action}] if action is not None else []
    site.start_gateway(every="500ms", more={"alerts": list(rules), "actions": actions, **more})


def units(site):
    return {unit["unit"]: unit for unit in site.field.counts("west")["units"]}


def is_on(site, output=0):
    return units(site)[2]["outputs"][output]


def output(site):
    return by_socket(site, "actions")["outputs"][0]


def alert(site, id):
    return site.watcher.retained.get(f"alert/{id}") or b""


def audit(site):
    rows = by_socket(site, "audits", limit=200)["audits"]
    return [{**row, "detail": json.loads(row["detail"])} for row in rows
            if row["method"] == "switch"][::-1]


def polls(site, count, device="soil"):
    """So many more polls of it: the rules were looked at each time. Polls are 0.5 s apart."""
    had = site.watcher.count(device)
    wait_until(lambda: site.watcher.count(device) >= had + count, 10 * count, f"polls of {device}")


def wait_on(site, seconds=30):
    wait_until(lambda: is_on(site), seconds, "it is switched on")


def wait_off(site, seconds=30):
    wait_until(lambda: not is_on(site), seconds, "it is switched off")


def test_it_waters_until_the_soil_is_wet_and_says_so(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    start(site, {"until": "soil_moisture above 55", "for": "20min"}, waters=10)
    wait_on(site)
    wait_off(site)
    rows = wait_until(lambda: len(audit(site)) >= 3 and audit(site), 10, "the audit")
    told = [(row["detail"]["value"], row["detail"]["why"], row["result"]) for row in rows[-2:]]
    assert told == [(1, "its rule holds", "ok"), (0, "the value is reached", "ok")]
    assert all(row["user"] == "gateway" and row["via"] == "actions" for row in rows)
    assert output(site)["state"] == "off"
    # Each of its readings is one that the board gave: the garden's ledger has them.
    def states():
        return {reading["values"]["output_1"] for key, reading in site.watcher.copy().items() if key[0] == "relay"}
    wait_until(lambda: states() == {0, 1}, 10, "both are told")
    delivered = {key: reading for key, reading in site.watcher.copy().items() if key[0] == "relay"}
    ledger = Ledger(site.field.ledger(), site.names)
    assert [ledger.wrong(key, reading) for key, reading in delivered.items()] == [None] * len(delivered)
    check = subprocess.run([program("baiyed"), "--config", site.gateway.config_path, "--check"],
                           capture_output=True, text=True, timeout=120, check=True).stdout
    assert "action water: rule dry at soil switches relay out-1 (bus west, address 2, function 5, " \
        "coil 0x0000) to 1, for at most 20 min or until soil_moisture is above 55 at soil" in check


def test_it_is_left_to_the_rain_that_is_forecast(site, needs):
    needs("baiye-field", "baiyed")
    hours = [int(time.time()) // 3600 * 3600 + i * 3600 for i in range(48)]
    ahead = site.folder / "ahead.json"
    ahead.write_text(json.dumps({"utc_offset_seconds": 0, "hourly": {
        "time": hours, "temperature_2m": [20] * 48, "precipitation": [1] * 48}}))
    start(site, {"skip_when_rain": "5mm within 12h", "for": "2s", "pause": "2s"},
          plots=[{"name": "upper", "devices": ["soil"]}], forecast={"file": str(ahead)})
    socket = site.gateway.config["control"]["socket"]
    wait_until(lambda: listens(socket), 60, "the control socket")
    rows = wait_until(lambda: [row for row in audit(site) if row["result"] == "skipped"], 60, "a skip")
    assert rows[0]["detail"]["why"] == "rain is forecast" and rows[0]["detail"]["value"] == 1
    assert rows[0]["detail"]["rain_mm"] >= 5
    polls(site, 10)  # the rule holds, and more than its pause has gone by
    assert not is_on(site) and output(site)["why"] == "rain is forecast"
    rows = audit(site)
    assert [row["result"] for row in rows].count("skipped") == 1
    # Nor did it water before the file had been read.
    assert not [row for row in rows if row["detail"]["value"] == 1 and row["result"] != "skipped"], rows


def test_its_longest_time_ends_it_and_the_device_ends_it_without_the_gateway(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "5s"})
    wait_on(site)
    wait_off(site, 12)
    wait_on(site, 12)
    site.gateway.kill()
    wait_off(site, 12)


def test_after_a_kill_the_next_start_switches_off_first(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min", "pause": "1s"})
    wait_on(site)
    site.gateway.kill()
    assert is_on(site)
    site.gateway.config["actions"][0]["pause"] = "1h"
    site.gateway.write_config()
    site.gateway.start()
    wait_off(site)
    assert output(site)["why"] == "the gateway started"


def test_an_action_taken_out_while_on_is_switched_off(site, needs):
    """Killed while it is on, and the file has the action no more: nobody else would."""
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min"})
    wait_on(site)
    wait_until(lambda: output(site)["state"] == "on", 10, "it is on")
    site.gateway.kill()
    site.gateway.config["actions"] = []
    site.gateway.write_config()
    assert is_on(site)
    site.gateway.start()
    wait_off(site)
    wait_until(lambda: [row["detail"]["why"] for row in audit(site)][-1:] ==
               ["it was on, and no action has it any more"], 10, "the audit")


def test_a_device_renamed_while_on_is_switched_off(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min"})
    wait_on(site)
    wait_until(lambda: output(site)["state"] == "on", 10, "it is on")
    site.gateway.kill()
    site.gateway.config["actions"] = []
    relay, = (device for bus in site.gateway.config["buses"] for device in bus["devices"]
              if device["name"] == "relay")
    relay["name"] = "fan"
    site.gateway.write_config()
    site.gateway.start()
    wait_off(site)


def test_a_reload_that_takes_the_action_out_switches_off(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min"})
    wait_on(site)
    site.gateway.config["actions"] = []
    site.gateway.write_config()
    site.gateway.signal(signal.SIGHUP)
    wait_off(site)


def test_a_person_keeps_an_output_over_a_kill(site, needs):
    """Somebody works at the valve: a power cut of the gateway must not open it."""
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min", "pause": "1s"})
    wait_on(site)
    assert ask(site, "write", device="relay", name="out-1", value=0) == {"ok": True, "value": 0}
    polls(site, 4)
    site.gateway.kill()
    switched = units(site)[2]["switched"]
    site.gateway.start()
    polls(site, 10)  # the rule holds again, and several times its pause have gone by
    assert not is_on(site) and units(site)[2]["switched"] == switched
    now = output(site)
    assert now["person"] == "watcher" and 3000 < now["person_s"] <= 3600


def test_an_output_whose_off_is_not_0_ends_there(site, needs):
    """A contact that opens when it is driven: 1 is off, also at start and stop."""
    needs("baiye-field", "baiyed")
    start(site, {"for": "5s", "value": 0, "off": 1, "pause": "2s"})
    wait_on(site)          # 1: off, at the start
    wait_off(site)         # it waters
    wait_on(site, 12)      # its longest time is over
    wait_until(lambda: [(row["detail"]["value"], row["detail"]["why"]) for row in audit(site)][:3] ==
               [(1, "the gateway started"), (0, "its rule holds"),
                (1, "its longest time is over")], 10, "the audit")
    assert site.gateway.stop() == 0 and is_on(site)


def test_the_gateways_stop_and_a_reload_switch_it_off(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min"})
    wait_on(site)
    switched = units(site)[2]["switched"]
    site.gateway.signal(signal.SIGHUP)
    wait_until(lambda: units(site)[2]["switched"] > switched, 20, "the reload switches it off")
    wait_on(site)
    assert site.gateway.stop() == 0
    assert not is_on(site)


def test_a_silent_relay_is_off_when_it_is_back_and_a_failed_switch_is_an_alert(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min", "pause": "1s"})
    wait_on(site)
    switched = units(site)[2]["switched"]
    site.field.control("fault", kind="request", **RELAY)  # nothing that it hears is a request
    # Its contacts hold; a person's write can't reach it, and that is an alarm.
    refused = ask(site, "write", device="relay", name="out-1", value=0)
    assert "error" in refused
    wait_until(lambda: b"can't be switched off" in alert(site, "output-relay-out-1"), 30,
               "the alarm")
    assert is_on(site) and units(site)[2]["switched"] == switched
    site.field.control("fault", kind="request", probability=0, **RELAY)
    wait_off(site, 70)
    wait_until(lambda: alert(site, "output-relay-out-1") == b"", 30, "the alarm's end")
    assert any(row["detail"]["why"] == "an order failed" for row in audit(site))


def test_a_relay_that_lost_its_power_is_known_to_be_off(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min", "pause": "1s"})
    wait_on(site)
    site.field.control("power", **RELAY, on=False)
    wait_until(lambda: output(site)["state"] == "unknown", 120, "it was silent for two looks")
    site.field.control("power", **RELAY, on=True)
    assert not is_on(site)
    wait_on(site, 70)  # switched off for sure, and then on again for the soil is still dry


def test_a_persons_write_wins(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    start(site, {"for": "10min", "pause": "1s"})
    wait_on(site)
    assert ask(site, "write", device="relay", name="out-1", value=0) == {"ok": True, "value": 0}
    assert not is_on(site)
    polls(site, 10)  # several times its pause
    assert not is_on(site)
    said = subprocess.run([program("baiye"), "actions", "--socket", site.folder / "baiyed.sock"],
                          capture_output=True, text=True, timeout=120, check=True).stdout
    assert "relay" in said and "watcher has it for 3" in said
    now = output(site)
    assert now["person"] == "watcher" and 3500 < now["person_s"] <= 3600 and now["state"] == "off"


def test_without_values_it_goes_off_and_nothing_begins(site, needs):
    needs("baiye-field", "baiyed")
    start(site, {"for": "10min", "pause": "1s"})
    wait_on(site)
    site.field.control("fault", kind="dead", line="west", unit=7)
    wait_off(site)
    assert output(site)["why"] == "no fresh values"
    polls(site, 8, "relay")
    assert not is_on(site)


def test_a_siren_calls_until_somebody_answers(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    yard = {"name": "yard", "output": {"device": "relay", "write": "out-2", "for": "2s",
                                       "repeat": "5s"}}
    start(site, None, rules=[{**DRY, "level": "alarm"}], notify=[yard])
    wait_until(lambda: is_on(site, 1), 30, "it calls")
    wait_until(lambda: not is_on(site, 1), 10, "it pauses")
    wait_until(lambda: is_on(site, 1), 10, "it calls again")
    assert ask(site, "ack", id="dry-garden") == {"ok": True}
    wait_until(lambda: not is_on(site, 1), 5, "somebody has answered")
    polls(site, 14)  # longer than it pauses
    assert not is_on(site, 1)
    done = subprocess.run([program("baiye"), "alert", "test", "yard", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "yard" in done.stdout, done
    switched = units(site)[2]["switched"]
    assert switched >= 5
