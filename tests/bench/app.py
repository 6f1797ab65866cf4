#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How heavy and how quick the phone app is: compressed bytes until the first value, milliseconds
until it on a slow phone and link, the same from the phone's cache, accessibility violations."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

sys.exit(subprocess.run(["node", ROOT / "tests" / "app" / "bench.mjs"], timeout=600).returncode)
