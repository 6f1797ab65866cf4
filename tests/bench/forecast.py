# SPDX-License-Identifier: Apache-2.0
"""The forecast of the pick against four rules that need no gateway, on made-up farms that share
neither the model's form nor a seed with those it was fitted on. BAIYE_FULL=1: twice as many. The keys
ahead_… are of the same evenings with a weather forecast that is wrong of tomorrow's rain on one day
in seven; the oracle is the same one, who knows it.

The frost warning is judged on measured nights where there are any: BAIYE_HOURLY names the file
weather.csv of nycflights13 (three airports of New York, hourly, 2013), which no package of Debian 12
brings; without it the keys frost_… are left out."""
import csv
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BAIYE_BUILD", ROOT / "build")) / "bin"
FULL = os.environ.get("BAIYE_FULL") == "1"
FIRST, FARMS = 5_000_000, 264 if FULL else 132
RULES = ("last", "mean3", "picker", "norm")


def judge():
    done = subprocess.run([BIN / "bench-forecast", "judge", str(FIRST), str(FARMS)], check=True,
                          capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def seconds():
    done = subprocess.run([BIN / "bench-forecast", "time", "60", "150"], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)["seconds"]


def same_bits():
    """Does arm64, under qemu, say the same? "" where there is no compiler or emulator for it."""
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if not compiler or not emulator:
        return ""
    shared = [ROOT / "gateway/common" / name for name in ("chance.c", "moist_air.c", "sun.c")]
    sources = [*sorted((ROOT / "gateway/forecast").glob("*.c")), *shared,
               ROOT / "tests/bench/farms.c", ROOT / "tests/bench/forecast_farms.c"]
    with tempfile.TemporaryDirectory(prefix="baiye-") as folder:
        program = pathlib.Path(folder) / "bench-forecast"
        subprocess.run([compiler, "-D_GNU_SOURCE", "-std=c11", "-O2", "-ffp-contract=off", "-static",
                        f"-I{ROOT}", *sources, "-lm", "-o", program], check=True)
        arguments = ["bits", str(FIRST), "6"]
        there = subprocess.run([emulator, program, *arguments], check=True, capture_output=True)
    here = subprocess.run([BIN / "bench-forecast", *arguments], check=True, capture_output=True)
    return f" arm64_same={int(here.stdout == there.stdout)}"


def frost(path):
    """Totals over the stations of nights of November to April, three hours after sunset."""
    lines = []
    for row in csv.DictReader(path.open()):
        if "NA" in (row["temp"], row["humid"]):
            continue
        time = datetime.datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00"))
        lines.append(f"{row['origin']},{int(time.timestamp())},"
                     f"{(float(row['temp']) - 32) / 1.8:.2f},{row['humid']}")
    done = subprocess.run([BIN / "bench-frost", "40.7", "-74.0"], input="\n".join(lines) + "\n",
                          check=True, capture_output=True, text=True)
    stations = [json.loads(line) for line in done.stdout.splitlines()]
    for s in stations:
        print(f"frost {s['station']}: {s['nights']} nights, {s['mae_k']:.2f} K, bias "
              f"{s['bias_k']:.2f} K, coverage {s['coverage']:.2f}; of 2 °C or less {s['hits']} told, "
              f"{s['misses']} missed, {s['false_alarms']} false; still warmer at that hour: "
              f"{s['hits_ahead']} told, {s['misses_ahead']} missed")
    nights = sum(s["nights"] for s in stations)
    hits, misses, false, ahead, late = (sum(s[key] for s in stations) for key in (
        "hits", "misses", "false_alarms", "hits_ahead", "misses_ahead"))
    return (f" frost_mae_k={sum(s['mae_k'] * s['nights'] for s in stations) / nights:.2f} "
            f"frost_pod={hits / (hits + misses):.2f} frost_far={false / (hits + false):.2f} "
            f"frost_pod_ahead={ahead / (ahead + late):.2f}")


def main():
    regimes = judge()
    print(f"{FARMS} farms, 3 seasons; errors as shares of a season's mean day")
    for r in regimes:
        print(f"{r['regime']:18} {r['days']:5} days: ours {r['mae']:.3f}; rules "
              + " ".join(f"{name} {r[name]:.3f}" for name in RULES)
              + f"; oracle {r['oracle']:.3f}; skill {r['skill']:.3f} "
              f"share {r['oracle_share']:.2f} coverage {r['coverage']:.2f}; first pick "
              f"{r['first_mae']:.2f} (norm {r['first_norm']:.2f}); before rest {r['rest_said']:.2f}; "
              f"ready x/÷ {r['uncounted_factor']:.2f} coverage {r['uncounted_coverage']:.2f}, by counts "
              f"x/÷ {r['counted_factor']:.2f} coverage {r['counted_coverage']:.2f}, shown "
              f"{r['shown_early_d']:.0f} d early; opening {r['opening_mae_d']} d, within 5 d "
              f"{r['opening_within_5d']}")
    hourly = os.environ.get("BAIYE_HOURLY")
    measured = frost(pathlib.Path(hourly)) if hourly else ""
    ahead, a = regimes[-2:]
    later = sum(a["opening_mae_d"][1:]) / 2
    print(f"forecast: mae={a['mae']:.3f} best_rule={min(a[name] for name in RULES):.3f} "
          f"oracle={a['oracle']:.3f} skill={a['skill']:.3f} "
          f"skill_oracle_share={a['oracle_share']:.2f} coverage={a['coverage']:.2f} "
          f"ahead_skill={ahead['skill']:.3f} ahead_skill_oracle_share={ahead['oracle_share']:.2f} "
          f"ahead_coverage={ahead['coverage']:.2f} "
          f"booked_mae={a['booked_mae']:.3f} booked_rule={a['booked_rule']:.3f} "
          f"first_pick_mae={a['first_mae']:.2f} rest_said={a['rest_said']:.2f} "
          f"opening_first_mae_d={a['opening_mae_d'][0]:.1f} opening_mae_d={later:.1f} "
          f"ready_factor={a['uncounted_factor']:.2f} ready_coverage={a['uncounted_coverage']:.2f} "
          f"counted_factor={a['counted_factor']:.2f} counted_coverage={a['counted_coverage']:.2f} "
          f"counted_days={a['counted_days']} "
          f"recompute_s={seconds():.2f}" + measured + same_bits())
    return 0


if __name__ == "__main__":
    sys.exit(main())
