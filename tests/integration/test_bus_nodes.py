# SPDX-License-Identifier: Apache-2.0
"""24 nodes of our own, asked as fast as their lines carry it: not one wrong value. The firmware runs
as it does on a board, as one process a node; the lines are pseudo-terminals at 115,200 baud, with the
times of a wire. A poll is an answer of a node; its sample is judged by what the node measured."""
import json
import subprocess

import garden

LINES, NODES = 8, 24
POLLS = 1_000_000 if garden.FULL else 5_000
SECONDS = 4 * 3600 if garden.FULL else 120
FAULTS = [{"kind": kind, "probability": 0.002}
          for kind in ("flip", "drop", "insert", "double", "truncate", "stray", "foreign", "duplicate",
                       "request")]


def scene():
    return [{"name": f"l{i}", "baud": 115200, "strict": True, "units": [
        {"kind": "native", "address": 1 + k, "name": f"node-{i}-{1 + k}", "period_s": 2, "faults": FAULTS}
        for k in range(NODES // LINES)]} for i in range(LINES)]


def write_gateway(site):
    buses = site.buses("1ms", allow_overload=True)
    for device in (device for bus in buses for device in bus["devices"]):
        device["every"] = "1ms"
    path = site.folder / "gateway.yaml"
    path.write_text(json.dumps({"site": garden.SITE, "profiles": str(garden.ROOT / "gateway/profiles"),
                                "buses": buses}))
    return path


def poll(site, path, seconds):
    """What the bus threads of the daemon give in that time, and how many answers they took."""
    with open(site.folder / "polls.jsonl", "w", encoding="utf-8") as output:
        subprocess.run([garden.program("bus_poll"), path, str(seconds)], stdout=output, check=True,
                       timeout=seconds + 60)
    with open(site.folder / "polls.jsonl", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    assert all(record.get("violations", 0) == 0 for record in records)
    return [r for r in records if "values" in r], sum(r.get("answers", 0) for r in records)


def test_24_nodes_give_no_wrong_value_however_often_they_are_asked(site, needs, figure):
    needs("baiye-field", "baiye-node", "bus_poll")
    site.start_field(scene(), seed=5)
    path = write_gateway(site)
    polls, spent, span, readings = 0, 0, 10, {}
    while polls < POLLS and spent < SECONDS:
        taken, answers = poll(site, path, span)
        polls, spent = polls + answers, spent + span
        for reading in taken:
            readings[reading["d"], reading["boot"], reading["seq"]] = reading
        span = min(600, max(10, int((POLLS - polls) / max(polls / spent, 1)) + 5))
    garden.wait_for_ledger(site, readings)
    values = garden.assert_true_to_ledger(site, readings)
    figure(f"{polls} polls of {NODES} nodes in {spent} s, {len(readings)} samples, {values} values, "
           "0 wrong")
    assert polls >= POLLS
    assert len({device for device, _, _ in readings}) == NODES
    assert values > 3 * len(readings)
