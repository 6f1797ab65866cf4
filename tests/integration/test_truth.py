# SPDX-License-Identifier: Apache-2.0
"""Every value that an independent MQTT client gets is one that the garden gave, of that device,
metric, sample and time."""
import time

import pytest

import garden
from garden import assert_true_to_ledger, wait_for_ledger, wait_until

PROBES = [
    {"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]},
    {"name": "west", "baud": 4800, "units": [
        {"kind": "rs-ws-n01-tr", "address": 1, "name": "soil"},
        {"kind": "zts-3001", "address": 7, "name": "soil-7in1"}]}]
NODES = [{"name": "nodes", "baud": 19200, "parity": "even", "units": [
    {"kind": "native", "address": 1, "name": "plot-1", "period_s": 2},
    {"kind": "native", "address": 2, "name": "plot-2", "period_s": 1}]}]
EMULATED = [{"name": "emulated", "baud": 9600, "silence_ms": 20, "units": [
    {"kind": "qemu", "address": 1, "name": "cortex-m3", "period_s": 4}]}]
NODE_METRICS = {"air_temperature", "air_humidity", "soil_moisture", "soil_temperature",
                "soil_conductivity"}
METRICS = {"air": {"air_temperature", "air_humidity"},
           "soil": {"soil_moisture", "soil_temperature"},
           "soil-7in1": {"soil_moisture", "soil_temperature", "soil_conductivity", "soil_ph",
                         "soil_nitrogen", "soil_phosphorus", "soil_potassium"},
           "plot-1": NODE_METRICS, "plot-2": NODE_METRICS, "cortex-m3": NODE_METRICS}


CROWD = 24
CROWD_S = 600 if garden.FULL else 12


def start(site, lines, every="1s", bus_keys=None, **arguments):
    site.start_broker()
    site.start_field(lines, **arguments)
    site.start_watcher()
    site.start_gateway(every=every, **(bus_keys or {}))


def wait_for_each(site, count, seconds):
    """Until every device has delivered so many readings."""
    def lacking():
        assert site.gateway.running(), f"baiyed ended: {site.gateway.log()[-2000:]}"
        return [name for name in site.names.values() if site.watcher.count(name) < count]
    wait_until(lambda: not lacking(), seconds, f"{count} readings of each device")


def check(site):
    readings = site.watcher.copy()
    assert assert_true_to_ledger(site, readings) > 0
    for (device, _, _), reading in readings.items():
        assert set(reading["values"]) == METRICS[device], reading
    return readings


@pytest.mark.parametrize("lines", [PROBES, NODES, EMULATED], ids=["probes", "nodes", "emulated"])
def test_every_value_is_one_that_was_given(site, needs, lines):
    needs("baiye-field", "baiyed", "baiye-node")
    if lines is EMULATED and not (garden.BUILD / "lm3s6965evb/bin/baiye-node.elf").exists():
        pytest.fail("not built: the firmware of lm3s6965evb")
    start(site, lines)
    wait_for_each(site, 6, 60)
    readings = check(site)
    live = site.watcher.live
    assert set(live) == set(site.names.values())
    for device, message in live.items():
        same = readings.get((device, message["boot"], message["seq"]))
        assert same is None or same["values"] == message["values"]


def test_a_line_of_24_emulated_boards_polled_flat_out_gives_no_wrong_value(site, needs, figure):
    """Real firmware on as many processors, one line, asked as fast as answers come."""
    needs("baiye-field", "baiyed")
    if not (garden.BUILD / "lm3s6965evb/bin/baiye-node.elf").exists():
        pytest.fail("not built: the firmware of lm3s6965evb")
    units = [{"kind": "qemu", "address": 1 + i, "name": f"board-{1 + i}"} for i in range(CROWD)]
    start(site, [{"name": "crowd", "baud": 115200, "silence_ms": 20, "units": units}],
          every="100ms", bus_keys={"allow_overload": True}, weather={"speed": 60})
    wait_for_each(site, 2, 180)
    before, begun = site.field.counts("crowd"), time.monotonic()
    while time.monotonic() < begun + CROWD_S:  # what is measured
        assert site.gateway.running(), site.gateway.log()[-2000:]
        time.sleep(0.5)
    after, seconds = site.field.counts("crowd"), time.monotonic() - begun
    wait_for_each(site, 3, 180)  # one that a busy machine starved is asked seldom for a while

    def given():
        return {(key[0], metric) for key, reading in site.watcher.copy().items()
                for metric in reading["values"]}
    # A probe that a busy machine heard too late has no value in that sample; in another one it has.
    wait_until(lambda: len(given()) == CROWD * len(NODE_METRICS), 180, "each quantity of each board")
    readings = site.watcher.copy()
    values = assert_true_to_ledger(site, readings)
    answers = after["answers"] - before["answers"]
    assert answers > 0
    figure(f"{answers} answers in {seconds:.0f} s, {len(readings)} readings, {values} values")


def test_nodes_samples_come_without_holes(site, needs):
    needs("baiye-field", "baiyed", "baiye-node")
    start(site, NODES)
    wait_for_each(site, 8, 60)
    for device in site.names.values():
        seqs = sorted(key[1:] for key in site.watcher.copy() if key[0] == device)
        boot, first = seqs[0]
        assert seqs == [(boot, first + i) for i in range(len(seqs))], device


def test_a_line_full_of_faults_gives_no_wrong_value(site, needs):
    needs("baiye-field", "baiyed", "baiye-node")
    faults = [{"kind": kind, "probability": 0.05}
              for kind in ("flip", "drop", "insert", "double", "truncate", "stray", "foreign",
                           "duplicate", "request")]
    faults += [{"kind": "late", "probability": 0.02, "ms": 50, "max_ms": 400},
               {"kind": "drip", "probability": 0.02, "ms": 10}]
    lines = [dict(line, units=[dict(unit, faults=faults) for unit in line["units"]])
             for line in NODES + PROBES]
    start(site, lines, seed=3)
    wait_for_each(site, 6, 90)
    readings = site.watcher.copy()
    wait_for_ledger(site, readings)
    assert_true_to_ledger(site, readings)
    done = [line["faults"] for line in site.field.counts()["lines"]]
    assert sum(sum(kinds.values()) for kinds in done) > 10, done


def test_a_recorded_series_is_what_the_probes_measure(site, needs):
    needs("baiye-field", "baiyed")
    series = site.folder / "series.csv"
    series.write_text("time,air_temperature,air_humidity\n" + "".join(
        f"2026-04-01T{hour:02}:00:00Z,{10 + hour / 2},{95 - hour}\n" for hour in range(24)))
    start(site, PROBES[:1], weather={"speed": 3600, "start": "2026-04-01T06:00:00Z",
                                     "csv": str(series)})
    wait_for_each(site, 4, 30)
    check(site)  # each is what was given then
    given = [(entry["t_ms"], entry["value"]) for entry in site.field.ledger()
             if entry["metric"] == "air_temperature"]
    # one recorded hour a second: half a degree
    steps = [(b - a) / ((second - first) / 1000) for (first, a), (second, b) in zip(given, given[1:])]
    assert len(steps) >= 3 and all(abs(step - 0.5) < 0.15 for step in steps), steps
