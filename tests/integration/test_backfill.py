# SPDX-License-Identifier: Apache-2.0
"""The gateway is away for as many samples as six hours have at one a minute; what the nodes logged
meanwhile comes after its return: all of it, each once, in order, and without holding up what is
measured now. A second stands for a minute; the quick run leaves after fewer."""
import time

from garden import FULL, Watcher, assert_true_to_ledger, wait_until

NODES = {"plot-1": 1, "plot-2": 2, "plot-3": 3, "plot-4": 4}
LATE_SAMPLES = 360 if FULL else 20
# At this rate the windows of a log, 0.3 s each, compete with five live polls a second.
LINE = {"name": "east", "baud": 9600, "units": [
    {"kind": "native", "address": address, "name": name, "period_s": 1}
    for name, address in NODES.items()] + [
        {"kind": "xy-md02", "address": 9, "name": "air"}]}
LIVE_EVERY_S = 1


def seqs(readings, device, boot):
    return sorted(key[2] for key in readings if key[:2] == (device, boot))


def sampled(site, device):
    """{(boot, seq)} that the garden knows of."""
    units = {name: unit for (_, unit), name in site.names.items()}
    return {(entry["boot"], entry["seq"]) for entry in site.field.ledger()
            if entry["unit"] == units[device] and entry.get("boot") is not None}


def start(site):
    site.start_broker()
    site.start_field([LINE])
    site.start_watcher()
    site.start_gateway(every=f"{LIVE_EVERY_S}s")
    wait_until(lambda: all(site.watcher.count(name) >= 3 for name in site.names.values()), 40,
               "readings arrive")


def away(site, seconds):
    """The gateway is switched off, and nobody asks the nodes."""
    assert site.gateway.stop() == 0
    before = site.field.counts("east")["requests"]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert site.field.running()
        time.sleep(0.2)
    assert site.field.counts("east")["requests"] == before


def newest_live(site):
    return {name: site.watcher.live[name]["seq"] for name in NODES}


def wait_for_all(site, until, seconds):
    """Every sample from the first that arrived to those of `until` is at the subscriber."""
    def lacking():
        assert site.gateway.running(), site.gateway.log()[-2000:]
        readings = site.watcher.copy()
        return {name: sorted(set(range(seqs(readings, name, 1)[0], last)) -
                             set(seqs(readings, name, 1))) for name, last in until.items()}
    wait_until(lambda: not any(lacking().values()), seconds, "the logs' samples")


def assert_in_order(site, before, after):
    """What the gateway missed arrives by number, oldest first."""
    for name in NODES:
        late = [seq for boot, seq in site.watcher.order[name]
                if before[name] < seq < after[name]]
        assert late == sorted(late), name
        assert len(late) >= LATE_SAMPLES - 2, (name, len(late))


def assert_live_kept_its_period(site, since_ms):
    """The probe, which has no log: a poll that was put off or left out would be missing."""
    readings = [reading for key, reading in sorted(site.watcher.copy().items())
                if key[0] == "air" and reading["ts"] >= since_ms]
    steps = [(b["ts"] - a["ts"]) / 1000 for a, b in zip(readings, readings[1:])]
    assert steps and max(steps) < 2.5 * LIVE_EVERY_S, max(steps)
    mean = sum(steps) / len(steps)
    assert abs(mean - LIVE_EVERY_S) < 0.1 * LIVE_EVERY_S, mean


def assert_stored_once(site):
    """A second consumer asks the store for all of it."""
    readings = site.watcher.copy()  # nothing of it comes to the second one by itself
    second = Watcher(site.broker)
    try:
        for name in NODES:
            have = seqs(readings, name, 1)
            second.request("resend", {"device": name, "boot": 1, "from": have[0],
                                      "to": have[-1]})
        wait_until(lambda: all(set(seqs(second.copy(), name, 1)) >=
                               set(seqs(readings, name, 1)) for name in NODES), 30,
                   "the store's readings")
        again = second.copy()
        same = [key for key in readings if key in again and again[key] != readings[key]]
        assert not same, [(again[key], readings[key]) for key in same[:3]]
        # Live ones arrive beside it once; a sample stored twice would come twice.
        assert second.duplicates == 0
    finally:
        second.stop()


def test_what_nodes_logged_while_the_gateway_was_away_comes_after_it(site, needs):
    needs("baiye-field", "baiyed", "baiye-node")
    start(site)
    before = newest_live(site)
    away(site, LATE_SAMPLES + 3)
    site.gateway.start()
    returned_ms = time.time() * 1000
    wait_until(lambda: all(site.watcher.live[name]["seq"] > before[name] + LATE_SAMPLES
                           for name in NODES), 20, "live values")
    after = newest_live(site)
    wait_for_all(site, after, 40 + LATE_SAMPLES)
    assert_live_kept_its_period(site, returned_ms)
    assert_in_order(site, before, after)
    assert site.watcher.duplicates == 0
    assert not [gap for gap in site.watcher.gaps if gap["d"] in NODES]
    readings = site.watcher.copy()
    assert assert_true_to_ledger(site, readings) > 0
    for name in NODES:
        expected = {seq for boot, seq in sampled(site, name) if boot == 1 and
                    seqs(readings, name, 1)[0] <= seq <= after[name]}
        assert expected <= set(seqs(readings, name, 1)), name
    assert_stored_once(site)


def test_a_node_that_lost_power_while_the_gateway_was_away_loses_no_sample(site, needs):
    """What it had logged before and after the cut arrives, under two boots."""
    needs("baiye-field", "baiyed", "baiye-node")
    start(site)
    assert site.gateway.stop() == 0
    before = newest_live(site)
    time.sleep(5)  # it samples
    site.field.control("power", line="east", unit=NODES["plot-2"], on=False)
    site.field.control("power", line="east", unit=NODES["plot-2"], on=True)
    time.sleep(5)  # it samples
    site.gateway.start()

    def second_boot():
        live = site.watcher.live["plot-2"]
        return live["seq"] if live["boot"] == 2 else None
    last = wait_until(second_boot, 30, "its second boot")
    wait_until(lambda: set(seqs(site.watcher.copy(), "plot-2", 2)) >= set(range(1, last + 1)), 30,
               "samples since the cut")
    readings = site.watcher.copy()
    first = seqs(readings, "plot-2", 1)
    assert first == list(range(first[0], first[-1] + 1))
    assert first[-1] >= before["plot-2"] + 3
    # The cut may have come between asking the sensors and writing the sample.
    given = max(seq for boot, seq in sampled(site, "plot-2") if boot == 1)
    assert given - first[-1] <= 1
    assert assert_true_to_ledger(site, readings) > 0
    assert site.watcher.duplicates == 0
