# SPDX-License-Identifier: Apache-2.0
"""The store against bare SQLite with the same batching, the bytes a reading takes on disk, and what
power cuts cost. BAIYE_FULL=1: more of each."""
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
READINGS, VALUES = (2_000_000 if FULL else 300_000), 10


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-bench-", dir=ROOT / "build"))
    ratios, ours = [], None
    try:
        for n in range(3):  # in turn, so that a busy machine hits both
            ours = run(BIN / "bench-store", "ours", folder / f"ours-{n}.db", READINGS, VALUES)
            per_commit = max(1, READINGS // max(1, ours["commits"]))
            bare = run(BIN / "bench-store", "bare", folder / f"bare-{n}.db", READINGS, per_commit)
            ratios.append(ours["per_s"] / bare["per_s"])
            print(f"ours {ours['per_s']}/s, bare SQLite {bare['per_s']}/s at {per_commit} a commit")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    cuts = 1000 if FULL else 100
    power = subprocess.run([BIN / "test_power"], env=dict(os.environ), capture_output=True,
                           text=True)
    print(power.stdout + power.stderr, end="")
    lost = 0 if power.returncode == 0 else 1
    print(f"store: ratio={median(ratios):.2f} bytes_per_reading={ours['file'] / READINGS:.1f} "
          f"bytes_per_value={ours['file'] / READINGS / VALUES:.2f} "
          f"written_per_reading={ours['written'] / READINGS:.1f} cuts={cuts} lost={lost}")
    return 0 if lost == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
