#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes on the line to update thirty nodes, against one lossless update, and power cuts survived."""
import os
import re
import subprocess
import sys

BIN = os.path.join(os.environ["BAIYE_BUILD"], "bin")


def run(program):
    result = subprocess.run([os.path.join(BIN, program)], capture_output=True, text=True)
    text = result.stdout + result.stderr
    if result.returncode != 0:
        sys.exit(f"{program} failed:\n{text}")
    return text


update = run("test_update")
boot = run("test_boot")
cuts = re.findall(r"cuts=(\d+) bricked=(\d+)", boot)
ratios = re.search(r"broadcast_ratio=\S+ broadcast_ratio_independent=\S+", update).group(0)
print(f"update: {ratios} cuts={sum(int(c) for c, _ in cuts)} "
      f"bricked={sum(int(b) for _, b in cuts)}")
