# SPDX-License-Identifier: Apache-2.0
"""The forecast of the pick against four rules that need no gateway, on made-up farms that share
neither the model's form nor a seed with those it was fitted on. BAIYE_FULL=1: twice as many."""
import json
import os
import pathlib
import subprocess
import sys

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


def main():
    regimes = judge()
    print(f"{FARMS} farms, 3 seasons; errors as shares of a season's mean day")
    for r in regimes:
        print(f"{r['regime']:18} {r['days']:5} days: ours {r['mae']:.3f}; rules "
              + " ".join(f"{name} {r[name]:.3f}" for name in RULES)
              + f"; oracle {r['oracle']:.3f}; skill {r['skill']:.3f} "
              f"share {r['oracle_share']:.2f} coverage {r['coverage']:.2f}; first pick "
              f"{r['first_mae']:.2f} (norm {r['first_norm']:.2f}); before rest {r['rest_said']:.2f}; "
              f"ready x/÷ {r['ready_factor']:.2f} coverage {r['ready_coverage']:.2f}, shown "
              f"{r['shown_early_d']:.0f} d early; opening {r['opening_mae_d']} d, within 5 d "
              f"{r['opening_within_5d']}")
    a = regimes[-1]
    later = sum(a["opening_mae_d"][1:]) / 2
    print(f"forecast: mae={a['mae']:.3f} best_rule={min(a[name] for name in RULES):.3f} "
          f"oracle={a['oracle']:.3f} skill={a['skill']:.3f} "
          f"skill_oracle_share={a['oracle_share']:.2f} coverage={a['coverage']:.2f} "
          f"first_pick_mae={a['first_mae']:.2f} rest_said={a['rest_said']:.2f} "
          f"opening_first_mae_d={a['opening_mae_d'][0]:.1f} opening_mae_d={later:.1f} "
          f"ready_factor={a['ready_factor']:.2f} ready_coverage={a['ready_coverage']:.2f} "
          f"recompute_s={seconds():.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
