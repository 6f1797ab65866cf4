# SPDX-License-Identifier: Apache-2.0
"""How much of the wire the bus master uses, and that it never gives a wrong value for it.

eff_9600, eff_115200  the part of the time in which the line is used as the standard allows (bytes,
                      t3.5 on both sides, the units' own delay), the median of windows of a second
                      in which no other machine took the processor;
                      the least over 1, 10 and 32 native nodes, 8N1 and 8E1, answering at once and
                      after 5 ms. The line's time goes by what the master wrote and could have
                      heard: a UART has no pseudo-terminal's delays (tools/field/wire.h). Whatever
                      the master itself takes counts, its timers and its waking up included
t35_violations        requests before t3.5 was over, in all of these
strict_9600           of answers at 9600, those lost to ten units that hear no request sooner than
                      t3.5 after the last bit (as a garden's line has them, its pseudo-terminals'
                      time included), and the part of the wire used
slow_slave            the same of a unit that needs t3.5 x 1.3: the part that it can have, after a
                      minute of learning
dead_ratio            polls of nine units with a dead tenth, over the same nine alone: the least
                      of RTU, TCP flat out and TCP at 1 Hz
wrong_values          with every fault of the line on, values that were never given; and on a quarter
                      of the lines, of devices that answer well formed and wrong (a counter that
                      reads 0 once, refusals, another size, an answer that stays for seconds), values
                      never given, amounts never counted or lost, and what stands still unflagged
"""
import argparse
import itertools
import statistics
import time

import _lines
import garden

T35_FAST_S = 0.00175
WARM_UP_S = 2
# Of each answer. Late answers come within the time that the master waits for them.
FAULTS = [("flip", 0.02, {}), ("drop", 0.02, {}), ("insert", 0.02, {}), ("double", 0.02, {}),
          ("truncate", 0.02, {}), ("stray", 0.02, {}), ("foreign", 0.02, {}),
          ("duplicate", 0.01, {}), ("late", 0.002, {"ms": 100, "max_ms": 700}),
          ("drip", 0.002, {"ms": 20}), ("request", 0.01, {}), ("dead", 0.005, {})]
# Of each answer of a device that is judged, on lines where nothing else is wrong.
KINDS = [("glitch", 0.01, {}), ("refuse", 0.002, {}), ("size", 0.01, {}),
         ("frozen", 0.004, {"ms": 200, "max_ms": 9000})]
APART = 64     # answers: registers that are read in several requests, and what is lost between
REGISTER_STEP, ANSWER_STEP = 257, 31
COUNTER = f"r{_lines.REGISTERS - 1}"


def t35_s(baud, bits):
    return T35_FAST_S if baud > 19200 else 3.5 * bits / baud


def used_part(before, after, silence_s):
    """Of the time between the ends of two answers, the part that the standard needs."""
    elapsed_s = (after["t_ns"] - before["t_ns"]) * 1e-9
    busy_s = (after["busy_ns"] - before["busy_ns"]) * 1e-9
    answers = after["answers"] - before["answers"]
    assert answers > 0, after
    return (busy_s + answers * silence_s) / elapsed_s


def usual_part(field, silence_s, seconds):
    """The median of windows of a second in which no other machine took the processor, and the
    counts of the line at the end."""
    marks = [(field.counts("line"), _lines.stolen())]
    parts, calm = [], []
    while len(parts) < 3 * seconds and len(calm) < seconds:
        time.sleep(1)
        marks.append((field.counts("line"), _lines.stolen()))
        (before, stolen_before), (after, stolen_after) = marks[-2:]
        parts.append(used_part(before["mark"], after["mark"], silence_s))
        if stolen_after == stolen_before:
            calm.append(parts[-1])
    return statistics.median(calm if len(calm) >= 3 else parts), marks[-1][0]


def efficiency(baud, parity, units, delay_ms, seconds, kind):
    line = {"name": "line", "baud": baud, "parity": parity, "quiet": True,
            "units": [{"kind": kind, "address": 1 + i, "delay_us": delay_ms * 1000}
                      for i in range(units)]}
    bits = 10 if parity == "none" else 11
    silence_s = 2 * t35_s(baud, bits) + delay_ms * 1e-3
    with _lines.awake(), _lines.lines([line], exact=True) as field:
        polling = _lines.Polling(_lines.config(field), 3 * seconds + 3, WARM_UP_S)
        time.sleep(WARM_UP_S)
        part, counts = usual_part(field, silence_s, seconds)
        polling.stop()
    return part, counts["t35_violations"]


def all_efficiencies(seconds, kind, only):
    least, violations = {9600: 2, 115200: 2}, 0
    for baud, parity, delay_ms, units in itertools.product(
            (9600, 115200), ("none", "even"), (0, 5), (1, 10, 32)):
        if only and only != f"{baud},{parity},{units},{delay_ms}":
            continue
        part, early = efficiency(baud, parity, units, delay_ms, seconds, kind)
        print(f"  {baud} {parity} {units} units, {delay_ms} ms: {part:.4f}, {early} early",
              flush=True)
        least[baud] = min(least[baud], part)
        violations += early
    return least[9600], least[115200], violations


def early(silence, count, warm_up_s, seconds):
    """Requests unheard because they came too early, ever and after `warm_up_s`, and the part of
    what such units can have that was used."""
    line = {"name": "line", "baud": 9600, "quiet": True,
            "units": [{"kind": "responder", "address": 1, "count": count, "silence": silence}]}
    silence_s = (1 + silence) * t35_s(9600, 10)
    with _lines.awake(), _lines.lines([line], exact=True) as field:
        polling = _lines.Polling(_lines.config(field), warm_up_s + 3 * seconds + 3)
        time.sleep(warm_up_s)
        before = field.counts("line")
        part, after = usual_part(field, silence_s, seconds)
        polling.stop()
    print(f"  9600, {count} units that need t3.5 x {silence}: {part:.4f}, "
          f"{before['unheard']} unheard at first, then {after['unheard'] - before['unheard']} of "
          f"{after['requests'] - before['requests']}", flush=True)
    return after["unheard"], after["unheard"] - before["unheard"], part


def polls_of_nine(dead, seconds, kind="rtu", every="1ms"):
    units = [{"kind": "responder", "address": 1, "count": 9}]
    if dead:
        units.append({"kind": "responder", "address": 10,
                      "faults": [{"kind": "dead", "probability": 1.0}]})
    line = {"name": "line", "type": kind, "baud": 9600, "quiet": True, "units": units}
    with _lines.lines([line]) as field:
        results = _lines.Polling(_lines.config(field, every), seconds,
                                 30 if dead else WARM_UP_S).results()
    return sum(entry["readings"] for entry in results
               if "device" in entry and entry["device"] != "line-10")


def dead_ratio(seconds):
    """The least of RTU flat out, TCP flat out and TCP at 1 Hz."""
    ratios = []
    for kind, every in (("rtu", "1ms"), ("tcp", "1ms"), ("tcp", "1s")):
        alone = polls_of_nine(False, seconds, kind, every)
        with_dead = polls_of_nine(True, seconds, kind, every)
        ratios.append(with_dead / alone)
        print(f"  {kind} every {every}: {alone} polls alone, {with_dead} with a dead unit",
              flush=True)
    return min(ratios)


def responder_value(unit, register, answer):
    return (ANSWER_STEP * answer + REGISTER_STEP * register + 4099 * unit) & 0x7FFF


def wrong_values(polls, line_count, seed):
    """Every value of every reading against the ledger: it must be one that the unit gave, in one
    answer, not long before."""
    faults = [{"kind": kind, "probability": probability, **more}
              for kind, probability, more in FAULTS]
    kinds = [{"kind": kind, "probability": probability, **more}
             for kind, probability, more in KINDS]
    judged = [f"k{i}" for i in range((line_count + 3) // 4)]
    scene = [{"name": name, "baud": 115200,
              "units": [{"kind": "responder", "address": 1, "count": 4, "faults": own}]}
             for name, own in [(f"l{i}", faults) for i in range(line_count - len(judged))]
             + [(name, kinds) for name in judged]]
    wrong = taken = 0
    with _lines.lines(scene, seed=seed) as field:
        seconds = max(10, polls / (10 * line_count))  # faults cost time
        results = _lines.Polling(_lines.config(field, judged=judged), seconds, 0,
                                 quiet=False).results()
        given = {}  # (device) -> {(r0, …): answer}
        for entry in field.ledger():
            device = given.setdefault(f"{entry['line']}-{entry['unit']}", set())
            device.add(entry["n"])
        last = {device: max(answers) for device, answers in given.items()}
        counts = field.control("counts")
    judges = {}
    for reading in results:
        if "values" not in reading:
            continue
        taken += 1
        unit = int(reading["d"].split("-")[1])
        if reading["d"].split("-")[0] in judged:
            judges.setdefault(reading["d"], Judge(unit, given[reading["d"]])).take(reading)
        elif not one_answer(unit, reading["values"], given[reading["d"]],
                          last[reading["d"]]):
            wrong += 1
            print(f"  wrong: {reading}")
    wrong += sum(judge.ended() for judge in judges.values())
    done = {}
    for line in counts["lines"]:
        for kind, times in line["faults"].items():
            done[kind] = done.get(kind, 0) + times
    assert all(done.get(kind, 0) > 0 for kind, _, _ in KINDS), f"not every fault struck: {done}"
    undetectable = sum(line["undetectable"] for line in counts["lines"])
    print(f"  {taken} readings of {line_count} lines, faults {done}, {undetectable} undetectable drawn again", flush=True)
    return wrong, taken


class Judge:
    """Of one device whose last register is a counter, and whose others may stand still only so
    long. Its readings, in order."""

    def __init__(self, unit, given):
        self.unit, self.given = unit, given
        self.wrong = 0
        self.answer = self.since_ms = None  # of the last reading, and since when it is that one
        self.first = self.counted = None    # answer from which is counted, and what was
        self.last = 0

    def take(self, reading):
        answers = [base_answer(self.unit, value - REGISTER_STEP * int(name[1:]))
                   for name, value in reading["values"].items() if name != COUNTER]
        if answers and (not self.given.issuperset(answers) or max(answers) - min(answers) > APART):
            self.say("never given", reading)
        elif answers:
            self.look_at_standstill(answers, reading)
            self.count(max(answers), reading)

    def look_at_standstill(self, answers, reading):
        stuck = any(flag == "stuck" for flag in reading["flags"].values())
        if len(set(answers)) > 1:
            return  # of several requests: not all of it stands still
        if answers[0] != self.answer:
            self.answer, self.since_ms = answers[0], reading["ts"]
            if stuck:
                self.say("moves, and is flagged", reading)
        elif not stuck and reading["ts"] - self.since_ms > 1000 * (_lines.STUCK_S + 1):
            self.say("stands still unflagged", reading)

    def count(self, answer, reading):
        if COUNTER not in reading["values"]:
            return
        if self.first is None:
            self.first, self.counted = answer, 0
        self.counted += reading["values"][COUNTER]
        self.last = answer
        if self.counted > ANSWER_STEP * (answer - self.first + APART):
            self.say("counts what was not", reading)
            self.first, self.counted = answer, 0  # each mistake once

    def ended(self):
        """How much was wrong. From 32768 on the register begins at 0 again, as a reset would: what
        was counted just before is not known."""
        if self.first is not None:
            resets = 1 + ANSWER_STEP * (self.last - self.first) // 0x8000
            least = ANSWER_STEP * (self.last - self.first - APART * (1 + resets))
            if self.counted < least:
                self.say(f"counted {self.counted}, at least {least} were", {})
        return self.wrong

    def say(self, what, reading):
        self.wrong += 1
        print(f"  wrong: {what}: unit {self.unit} {reading}")


def one_answer(unit, values, answers, last):
    """All registers are of one and the same answer that was given."""
    base = values["r0"]
    candidates = (answer for answer in range(base_answer(unit, base), last + 1, 0x8000)
                  if answer in answers)
    return any(all(values[f"r{i}"] == responder_value(unit, i, answer)
                   for i in range(_lines.REGISTERS)) for answer in candidates)


def base_answer(unit, value):
    """The first answer in which register 0 of the unit has this value: 31 is invertible."""
    return (int(value) - 4099 * unit) * pow(31, -1, 0x8000) % 0x8000


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--kind", default="native", choices=["native", "responder"])
    parser.add_argument("--only", metavar="BAUD,PARITY,UNITS,DELAY_MS",
                        help="one combination, and nothing else: 9600,none,1,5")
    parser.add_argument("--polls", type=int, default=1000000 if garden.FULL else 20000)
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    eff_9600, eff_115200, violations = all_efficiencies(arguments.seconds, arguments.kind,
                                                         arguments.only)
    if arguments.only:
        return
    strict_lost, _, strict_eff = early(1.0, 10, 10, 4 * arguments.seconds)
    _, _, slow = early(1.3, 1, 60, 2 * arguments.seconds)
    ratio = dead_ratio(15)
    wrong, readings = wrong_values(arguments.polls, arguments.lines, arguments.seed)
    assert readings >= arguments.polls // 2, "too few polls for the question"
    print(f"bus: eff_9600={eff_9600:.4f} eff_115200={eff_115200:.4f} t35_violations={violations} "
          f"strict_9600_lost={strict_lost} strict_9600={strict_eff:.4f} slow_slave={slow:.4f} "
          f"dead_ratio={ratio:.4f} wrong_values={wrong}")


if __name__ == "__main__":
    main()
