# SPDX-License-Identifier: Apache-2.0
"""What the store costs as a garden grows: at 10 to 2,000 devices, and after 1 to 100 million
readings, one in half a minute of each device (100 million of 100 devices are a year). One table, a line a size; below it the power of the size that each column
follows (0: it does not grow, 1: straight) and the class that is nearest. What a reading costs may grow like log n: a column of
all of them is then no worse than n log n.

--quick     1 million readings at most; else 100 million: some ten minutes, and 3 GB of disk
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BAIYE_BUILD", ROOT / "build")) / "bin"
DEVICES = (10, 100, 500, 2000)
MILLION = 1_000_000
COLUMNS = ("commit_us", "start_ms", "year_ms", "export_us", "export_rows", "resend_rows", "retain_us", "fill_s", "file_mb")
YEAR_MS = 50  # of a chart, at any size
MOST_POWER = 0.35  # of what one reading costs as they become more: log n, and noise
ROWS_MOST = 1.1  # batches read for a reading of an export: those that have one
AGAIN_MOST = 2.2  # … of a resend: once to find it, once to send it
DEVICES_POWER = 0.8  # … and as devices do: what an export of one reads lies further apart


def measure(devices, readings):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-bench-", dir=ROOT / "build"))
    try:
        done = subprocess.run([BIN / "bench-growth", folder / "readings.db", str(devices),
                               str(readings)], check=True, capture_output=True, text=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = json.loads(done.stdout)
    print(f"{devices:7} {readings:12,} " + " ".join(f"{found[key]:10.2f}" for key in COLUMNS),
          flush=True)
    return found


def power(sizes, found, column):
    """Of the size, by least squares of the logarithms."""
    points = [(math.log(size), math.log(max(one[column], 1e-3))) for size, one in zip(sizes, found)]
    x = sum(point[0] for point in points) / len(points)
    y = sum(point[1] for point in points) / len(points)
    over = sum((a - x) ** 2 for a, _ in points)
    return sum((a - x) * (b - y) for a, b in points) / over if over else 0.0


def curve(of):
    """The class whose power is nearest below."""
    return next(name for most, name in ((0.1, "1"), (0.35, "log n"), (0.7, "sqrt n"), (1.1, "n"),
                                        (1.4, "n log n"), (math.inf, "n^2")) if of <= most)


def series(sizes, measured):
    """The powers of each column over these sizes."""
    found = [measured(size) for size in sizes]
    powers = {column: power(sizes, found, column) for column in COLUMNS}
    print(" " * 21 + " ".join(f"   n^{powers[column]:5.2f}" for column in COLUMNS))
    print(" " * 21 + " ".join(f"{curve(powers[column]):>10}" for column in COLUMNS))
    return found, powers


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print("devices     readings " + " ".join(f"{column:>10}" for column in COLUMNS))
    readings = (MILLION // 10, MILLION // 3, MILLION) if options.quick else \
        (MILLION, 10 * MILLION, 100 * MILLION)
    many, by_devices = series(DEVICES, lambda devices: measure(devices, MILLION // 2))
    stored, by_readings = series(readings, lambda count: measure(100, count))
    year = max(one["year_ms"] for one in many + stored)
    rows, again = (max(one[column] for one in many + stored)
                   for column in ("export_rows", "resend_rows"))
    worst, of_devices = (max(powers[column] for column in ("commit_us", "export_us", "retain_us"))
                         for powers in (by_readings, by_devices))
    print(f"growth: readings={readings[-1]} year_ms={year:.1f} worst_power={worst:.2f} "
          f"devices_power={of_devices:.2f} export_rows={rows:.2f} resend_rows={again:.2f} "
          f"start_power={by_readings['start_ms']:.2f}")
    good = year <= YEAR_MS and worst <= MOST_POWER and of_devices <= DEVICES_POWER
    return 0 if good and rows <= ROWS_MOST and again <= AGAIN_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
