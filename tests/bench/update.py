#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Updates over the bus: bytes on the line to update thirty nodes, against one lossless update; polls
that came later than twice their period meanwhile, at every share of the line; the size of the boot
loader of the board for the garden; power cuts survived at flash operations of one update."""
import os
import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(os.environ["BAIYE_BUILD"])
BOOT = BUILD / "stm32f103-rs485" / "bin" / "baiye-boot.bin"
LIMITS = {"broadcast_ratio": 1.15, "broadcast_ratio_independent": 1.6, "late_polls": 0,
          "boot_bytes": 16384, "bricked": 0}


def run(program):
    result = subprocess.run([BUILD / "bin" / program], capture_output=True, text=True)
    text = result.stdout + result.stderr
    if result.returncode != 0:
        sys.exit(f"{program} failed:\n{text}")
    return text


def main():
    found = dict(re.findall(r"(broadcast_ratio\w*)=(\S+)", run("test_update")))
    share = run("test_update_share")
    print("\n".join(line for line in share.splitlines() if line.startswith("share=")))
    found["late_polls"] = re.search(r"late_polls=(\d+)", share)[1]
    found["boot_bytes"] = BOOT.stat().st_size
    cuts = re.findall(r"cuts=(\d+) bricked=(\d+)", run("test_boot"))
    found["cuts"] = sum(int(count) for count, _ in cuts)
    found["bricked"] = sum(int(count) for _, count in cuts)
    bad = [f"{key} {found[key]} is above {most}" for key, most in LIMITS.items()
           if float(found[key]) > most]
    for line in bad:
        print(f"update: {line}", file=sys.stderr)
    print("update: " + " ".join(f"{key}={value}" for key, value in found.items()))
    return 1 if bad else 0


sys.exit(main())
