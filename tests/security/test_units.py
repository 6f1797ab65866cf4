# SPDX-License-Identifier: Apache-2.0
"""What the service manager takes away from each program stays taken away."""
import pathlib
import re
import subprocess

import pytest

GATEWAY = pathlib.Path(__file__).resolve().parents[2] / "gateway"


@pytest.mark.parametrize("unit, most", [("packaging/baiyed.service", 1.6),
                                        ("led/baiye-led.service", 1.6)])
def test_the_exposure_stays_low(unit, most):
    told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                           GATEWAY / unit], capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert found, told.stdout + told.stderr
    assert float(found.group(1)) <= most
