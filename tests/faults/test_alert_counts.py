# SPDX-License-Identifier: Apache-2.0
"""A hundred alerts while notifier and daemon are killed and the service fails: none is lost, none is told
twice; what was under way at a kill may come again under its key, by which a service knows it. The
thousand are `tools/bench alerts`."""
import os
import subprocess
import sys

import garden


def test_no_alert_is_lost_or_told_twice_over_kills_and_a_failing_service():
    done = subprocess.run([sys.executable, garden.ROOT / "tests/bench/alerts.py", "--samples", "0",
                           "--alerts", "100", "--seed", "3"], capture_output=True, text=True,
                          timeout=400, check=False,
                          env={**os.environ, "BAIYE_BUILD": str(garden.BUILD)})
    assert "alerts=100 " in done.stdout and "lost=0 doubled=0" in done.stdout, done
