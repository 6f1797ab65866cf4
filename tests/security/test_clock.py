# SPDX-License-Identifier: Apache-2.0
"""The gateway may make none of the system calls that set clocks, and asking the kernel whether its
clock is synchronised is one of them. On a box without a battery clock that chrony keeps, another
unit asks in its place."""
import os
import pathlib
import re
import subprocess

from garden import BUILD, program, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "gateway/packaging"
ASKING = {"adjtimex", "clock_adjtime", "clock_adjtime64"}


def lines(unit):
    return [line for line in (PACKAGING / unit).read_text().splitlines()
            if line and not line.startswith("#")]


def values(unit, key):
    return [line.split("=", 1)[1] for line in lines(unit) if line.startswith(key + "=")]


def test_what_the_gateway_may_not_ask_a_unit_of_its_own_asks():
    assert "ProtectClock=yes" in lines("baiyed.service")
    assert "baiye-clock.service" in values("baiyed.service", "Wants")[0].split()
    assert not any("baiye-clock" in after for after in values("baiyed.service", "After")), \
        "a site without a time source must measure as well"
    assert "ProtectClock=yes" not in lines("baiye-clock.service")
    assert ASKING <= set(values("baiye-clock.service", "SystemCallFilter")[-1].split())
    assert values("baiye-clock.service", "CapabilityBoundingSet") == [""], "it can set no clock"


def test_a_boot_is_finished_while_the_clock_is_waited_for():
    """A start job that lasts as long as the wait is a boot that never ends without a time source."""
    assert values("baiye-clock.service", "Type") == ["exec"]
    assert values("baiye-clock.service", "RemainAfterExit") == ["yes"]


def test_the_file_that_it_leaves_is_the_one_that_the_gateway_looks_at():
    wanted = re.search(r'CLOCK_DISCIPLINED_FILE "(.*)"', (ROOT / "gateway/common/clock.h").read_text())
    assert values("baiye-clock.service", "ExecStart") == [
        f'/bin/sh -c "/usr/bin/baiye clock --wait && exec /usr/bin/touch {wanted.group(1)}"']
    assert "RuntimeDirectory=baiye-clock" in lines("baiye-clock.service")
    assert "RuntimeDirectoryMode=0755" in lines("baiye-clock.service")


def test_it_waits_until_any_time_daemon_has_synchronised_the_kernel(tmp_path):
    synchronised = tmp_path / "synchronised"
    environment = {**os.environ, "BAIYE_CLOCK_KERNEL": str(synchronised),
                   "LD_PRELOAD": str(BUILD / "lib/clock-step.so")}
    says = [program("baiye"), "clock"]
    waiting = subprocess.Popen([*says, "--wait"], env=environment)
    try:
        told = subprocess.run(says, env={**environment, "BAIYE_CLOCK": "untrusted"},
                              capture_output=True, text=True, timeout=120)
        assert told.returncode == 75 and "nothing vouches" in told.stdout
        assert waiting.poll() is None
        synchronised.touch()
        wait_until(lambda: waiting.poll() is not None, 60, "it sees that")
        assert waiting.returncode == 0
    finally:
        waiting.kill()
        waiting.wait(10)
    told = subprocess.run(says, env=environment, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0 and "a time daemon has synchronised" in told.stdout
