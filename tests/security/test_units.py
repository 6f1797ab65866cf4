# SPDX-License-Identifier: Apache-2.0
"""What the service manager takes away from each program stays taken away."""
import pathlib
import re
import subprocess

import pytest

GATEWAY = pathlib.Path(__file__).resolve().parents[2] / "gateway"


@pytest.mark.parametrize("unit, most", [("packaging/baiyed.service", 1.6),
                                        ("packaging/baiye-cert.service", 1.6),
                                        ("packaging/baiye-password@.service", 1.6),
                                        ("led/baiye-led.service", 1.6)])
def test_the_exposure_stays_low(unit, most):
    assert exposure(GATEWAY / unit) <= most


def exposure(unit):
    told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                          capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert found, told.stdout + told.stderr
    return float(found.group(1))


def test_the_brokers_unit_is_hardened_by_a_drop_in(tmp_path):
    """Debian's own takes nothing away from what strangers talk to; the package adds to it."""
    unit = tmp_path / "mosquitto.service"
    unit.write_text(pathlib.Path("/lib/systemd/system/mosquitto.service").read_text())
    assert exposure(unit) > 9
    drop_in = tmp_path / "mosquitto.service.d" / "baiye.conf"
    drop_in.parent.mkdir()
    drop_in.write_text((GATEWAY / "packaging/mosquitto-baiye.conf").read_text())
    assert exposure(unit) <= 3
    told = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True,
                          timeout=60)
    assert "baiye.conf" not in told.stderr, told.stderr
