# SPDX-License-Identifier: Apache-2.0
"""A gateway that does not know the time: live values say so, readings wait until it is known. Clocks
that are set while it runs, and time zones, change neither order nor bytes."""
import contextlib
import sqlite3
import time

import garden
import pytest
from gateway import Gateway, assert_in_order, wait_all
from scripted import ScriptedBroker


def test_readings_wait_until_the_time_is_known(broker, gateways, watchers, tmp_path):
    broker.start()
    watcher = watchers(broker)
    synchronised = tmp_path / "synchronised"
    gateway = gateways(*Gateway.broker_arguments(broker),
                       environment={"BAIYE_CLOCK": str(synchronised)})
    gateway.wait_state("up")
    gateway.put(80)
    gateway.wait_stored(80)
    garden.wait_until(lambda: len(watcher.live) == 8, 10, "live values do not wait")
    for live in watcher.live.values():
        assert set(live["flags"].values()) == {"clock"}, live
    assert not gateway.stats()["trusted"]
    assert watcher.count() == 0, "a reading went out under a time that nobody knows"
    synchronised.touch()
    wait_all(watcher, 80)
    assert all(reading["flags"] == {} and "gb" not in reading
               for reading in watcher.copy().values())
    gateway.put(8)
    wait_all(watcher, 88)


def test_what_waits_for_the_time_survives_a_power_cycle(broker, gateways, watchers, tmp_path):
    """Never known in that boot: sent all the same, flagged, under the gateway's boot count."""
    broker.start()
    watcher = watchers(broker)
    synchronised = tmp_path / "synchronised"
    gateway = gateways(*Gateway.broker_arguments(broker),
                       environment={"BAIYE_CLOCK": str(synchronised)})
    gateway.put(80)
    gateway.wait_stored(80)
    boot = gateway.boot
    gateway.kill()
    synchronised.touch()
    gateway.start()
    wait_all(watcher, 80)
    for reading in watcher.copy().values():
        assert reading["gb"] == boot and set(reading["flags"].values()) == {"clock"}


# ---- Clocks that jump -----------------------------------------------------------------------

def stepped(tmp_path, seconds):
    """A clock that is off by what the file says at that moment."""
    step = tmp_path / "step"
    garden.step_clock(step, seconds)
    return step, {"LD_PRELOAD": str(garden.BUILD / "lib" / "clock-step.so"),
                  "BAIYE_CLOCK_STEP": str(step)}


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_the_clock_is_set_while_the_broker_is_away(jump_s, broker, gateways, watchers, tmp_path):
    broker.start()
    watcher = watchers(broker)
    step, environment = stepped(tmp_path, 0)
    gateway = gateways(*Gateway.broker_arguments(broker), "--rate", 40, environment=environment)
    garden.wait_until(lambda: watcher.count() > 80, 10, "readings flow")
    broker.kill()
    gateway.wait_state("down")
    garden.step_clock(step, jump_s)
    gateway.wait_stored(gateway.stats()["taken"] + 80)  # taken under the new time
    broker.start()
    gateway.wait_state("up", 12)  # the longest wait to a near broker is 2 s
    seqs = {device: live["seq"] for device, live in watcher.live.items()}
    garden.wait_until(lambda: all(live["seq"] > seqs[device] + 5
                                  for device, live in watcher.live.items()), 10, "live goes on")
    lives = list(watcher.live.values())  # those that are there now: the next ones are newer
    now_ms = (time.time() + jump_s) * 1000
    for live in lives:
        assert -50 <= now_ms - live["ts"] < abs(jump_s) * 500, "an age that cannot be"
    gateway.ask("rate 0")
    taken = gateway.stats()["taken"]
    asked = [gateway.ask(f"resend {device} {gateway.boot} 1 {taken // 8}") for device in range(8)]
    assert all(answer["result"] == "ok" for answer in asked)  # what the broker forgot
    wait_all(watcher, taken)
    assert_in_order(watcher)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["cursor"] == gateway.stats()["next"], 10,
                      "acknowledged")
    assert gateway.stats()["brokers"][0]["restarts"] == 0


def test_a_trusted_clock_set_to_1970_dates_no_reading_before_2026(broker, gateways, watchers,
                                                                  tmp_path):
    broker.start()
    watcher = watchers(broker)
    began = time.time()
    step, environment = stepped(tmp_path, 0)
    gateway = gateways(*Gateway.broker_arguments(broker), "--rate", 40, environment=environment)
    garden.wait_until(lambda: watcher.count() > 80, 10, "readings flow")
    garden.step_clock(step, -int(time.time()))
    gateway.wait_stored(gateway.stats()["taken"] + 120)
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])
    for reading in watcher.copy().values():
        assert reading["flags"] == {} and began - 2 <= reading["ts"] / 1000 <= time.time() + 2


@pytest.mark.parametrize("off_s", [-55 * 365 * 86400, 10 * 365 * 86400],
                         ids=["1971", "ten years ahead"])
def test_a_wrong_clock_is_corrected_once_the_time_is_known(off_s, broker, gateways, watchers,
                                                           tmp_path):
    broker.start()
    watcher = watchers(broker)
    step, environment = stepped(tmp_path, off_s)
    synchronised = tmp_path / "synchronised"
    began = time.time()
    gateway = gateways(*Gateway.broker_arguments(broker),
                       environment={**environment, "BAIYE_CLOCK": str(synchronised)})
    gateway.wait_state("up")
    gateway.put(80)
    gateway.wait_stored(80)
    garden.wait_until(lambda: len(watcher.live) == 8, 10, "live values do not wait")
    assert all(set(live["flags"].values()) == {"clock"} for live in watcher.live.values())
    assert watcher.count() == 0
    garden.step_clock(step, 0)  # as a time server does it
    synchronised.touch()
    wait_all(watcher, 80)
    for reading in watcher.copy().values():
        assert reading["flags"] == {} and began - 2 <= reading["ts"] / 1000 <= time.time() + 2
    assert_in_order(watcher)


# ---- Time zones -----------------------------------------------------------------------------

@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "right/UTC"])
def test_no_time_zone_changes_a_byte(zone, gateways, tmp_path):
    """Over the hour that summer time repeats: what is stored and sent counts from 1970, in UTC."""
    stored, sent = {}, {}
    for name in ("UTC", zone):
        taken = ScriptedBroker()
        gateway = gateways("--broker", taken.port, "--at", 1793509200000,  # 2026-11-01 05:00 UTC
                           store=tmp_path / f"{name.replace('/', '-')}.db",
                           environment={"TZ": name})
        gateway.put(1600)  # over three hours
        gateway.wait_stored(1600)
        garden.wait_until(lambda: taken.count() == 1600, 20, "all sent")
        assert gateway.quit() == 0
        taken.stop()
        sent[name] = taken.taken
        with contextlib.closing(sqlite3.connect(gateway.store)) as file:
            stored[name] = {table: file.execute(f"SELECT * FROM {table}").fetchall()
                            for table in ("mean", "seen", "stream")}
            assert len(stored[name]["mean"]) > 24
    assert sent["UTC"] == sent[zone]
    assert stored["UTC"] == stored[zone]
