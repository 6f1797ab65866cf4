# SPDX-License-Identifier: Apache-2.0
"""Every fault of the simulated line at once, on many lines: not one wrong value. Each answer of a
responder carries its number in every register, so that an answer that is another's, another
request's, torn or made up shows."""
import json
import subprocess

import pytest

import garden

LINES, UNITS, REGISTERS = 32, 8, 10
POLLS = 1_000_000 if garden.FULL else 20_000
SECONDS = 6 * 3600 if garden.FULL else 150
RESPONSE_MS = 300
LATENESS_MS = 100  # of a busy machine, so that what is late is late within the late window
LATE_MS = 2 * RESPONSE_MS - LATENESS_MS
GIVEN_MS = LATE_MS * 5 // 4  # what a unit gets that was once so late
FAULTS = {"flip": (0, 0), "drop": (0, 0), "insert": (0, 0), "double": (0, 0), "truncate": (0, 0),
          "stray": (0, 0), "late": (50, LATE_MS), "drip": (3, 40), "foreign": (0, 0),
          "duplicate": (0, 60), "request": (0, 0)}
PROBABILITY = 0.005  # of each fault: one answer in twenty has one
DELAYS_US = [0, 5000, 1000, 20000]


def unit(address):
    return {"kind": "responder", "address": address, "name": f"r{address}", "registers": REGISTERS,
            "delay_us": DELAYS_US[address % 4],
            "faults": [{"kind": kind, "probability": PROBABILITY, "ms": least, "max_ms": most}
                       for kind, (least, most) in FAULTS.items()]}


def write_gateway(site, lines):
    profiles = site.folder / "profiles"
    profiles.mkdir()
    (profiles / "responder.yaml").write_text(
        f"label: responder\nlimits: {{ response_max: {RESPONSE_MS}ms }}\nfields:\n" +
        "".join(f"  - {{ metric: m{i}, register: {i} }}\n" for i in range(REGISTERS)))
    buses = [{"name": line["name"], "port": site.field.port(line["name"]), "baud": line["baud"],
              "allow_overload": True,
              "devices": [{"name": f"{line['name']}-{u['address']}", "profile": "responder",
                           "address": u["address"], "every": "1ms"} for u in line["units"]]}
             for line in lines]
    path = site.folder / "gateway.yaml"
    path.write_text(json.dumps({"site": "s", "profiles": "profiles", "buses": buses}))
    return path


def value(address, register, number):
    return (31 * number + 257 * register + 4099 * address) & 0x7FFF


INVERSE = pow(31, -1, 0x8000)


def given_answers(site):
    """(line, unit) -> {number modulo 2^15: [when]}"""
    given = {}
    for row in site.field.ledger():
        numbers = given.setdefault((row["line"], row["unit"]), {})
        numbers.setdefault(row["n"] & 0x7FFF, []).append(row["t_ms"])
    return given


def judge(reading, given, seen):
    """What is wrong with a reading, or None."""
    line, address = reading["d"].rsplit("-", 1)
    address = int(address)
    got = [int(reading["values"][f"m{i}"]) for i in range(REGISTERS)]
    number = (got[0] - 4099 * address) * INVERSE & 0x7FFF
    if got != [value(address, i, number) for i in range(REGISTERS)]:
        return "registers of different answers"
    times = given[line, address].get(number, [])
    if not any(-50 <= reading["ts"] - t <= GIVEN_MS + 50 for t in times):
        return "never given at that time"
    count = seen[line, address, number] = seen.get((line, address, number), 0) + 1
    return "one answer taken twice" if count > len(times) else None


def poll(site, path, seconds):
    result = subprocess.run([garden.program("bus_poll"), path, str(seconds)], text=True,
                            stdout=open(site.folder / "polls.jsonl", "w", encoding="utf-8"),
                            stderr=open(site.folder / "bus_poll.log", "w", encoding="utf-8"),
                            timeout=seconds + 60, check=False)
    assert result.returncode == 0
    with open(site.folder / "polls.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_no_value_is_wrong_under_every_fault(site, needs, figure):
    needs("baiye-field", "bus_poll")
    lines = [{"name": f"l{i}", "baud": 115200, "strict": True,
              "units": [unit(address) for address in range(1, UNITS + 1)]} for i in range(LINES)]
    site.start_field(lines, seed=7)
    path = write_gateway(site, lines)
    polls, seen, wrong, answered, span = 0, {}, [], set(), 20
    given, spent = {}, 0
    while polls < POLLS and spent < SECONDS:
        records = poll(site, path, span)
        spent += span
        given = given_answers(site)
        for record in records:
            if "values" not in record:
                assert record.get("violations", 0) == 0
                continue
            polls += 1
            answered.add(record["d"])
            what = judge(record, given, seen)
            if what:
                wrong.append((what, record))
        span = min(600, max(10, int((POLLS - polls) / max(polls / spent, 1)) + 5))
    faults = {}
    for line in site.field.control("counts")["lines"]:
        for kind, count in line["faults"].items():
            faults[kind] = faults.get(kind, 0) + count
    figure(f"{polls} polls, {len(wrong)} wrong, faults {faults}")
    assert not wrong, wrong[:5]
    assert len(answered) == LINES * UNITS
    assert polls >= POLLS
    for kind in FAULTS:
        assert faults[kind] > 0, f"no {kind}: the line was not what the test needs"


@pytest.mark.parametrize("kind", ["late", "drip"])
def test_one_unit_alone_on_its_line(site, needs, kind):
    """Nobody else uses the line while the unit must be left alone: the hardest case for these."""
    needs("baiye-field", "bus_poll")
    least, most = FAULTS[kind]
    lines = [{"name": f"l{i}", "baud": 115200, "strict": True, "units": [
        {**unit(i + 1), "faults": [{"kind": kind, "probability": 0.1, "ms": least, "max_ms": most}]}]}
        for i in range(8)]
    site.start_field(lines, seed=11)
    records = poll(site, write_gateway(site, lines), 8)
    given, seen = given_answers(site), {}
    readings = [record for record in records if "values" in record]
    assert len(readings) > 50
    wrong = [judge(reading, given, seen) for reading in readings]
    assert not [what for what in wrong if what]
