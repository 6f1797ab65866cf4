# SPDX-License-Identifier: Apache-2.0
"""What the service manager takes away from each program stays taken away."""
import fnmatch
import pathlib
import re
import subprocess

import pytest

GATEWAY = pathlib.Path(__file__).resolve().parents[2] / "gateway"


@pytest.mark.parametrize("unit, most", [("packaging/baiyed.service", 1.6),
                                        ("packaging/baiye-cert.service", 1.6),
                                        ("packaging/baiye-clock.service", 1.6),
                                        ("packaging/baiye-password@.service", 1.6),
                                        ("packaging/baiye-child@.service", 1.6),
                                        ("led/baiye-led.service", 1.6)])
def test_the_exposure_stays_low(unit, most):
    assert exposure(GATEWAY / unit) <= most


@pytest.mark.parametrize("unit", ["packaging/baiyed.service", "packaging/baiye-child@.service",
                                  "led/baiye-led.service"])
def test_what_a_process_gives_up_by_itself_it_may_give_up(unit):
    """Debian 12's @system-service does not have Landlock: refused, it would be left out."""
    allowed = set()
    for line in (GATEWAY / unit).read_text().splitlines():
        if line.startswith("SystemCallFilter=") and not line.startswith("SystemCallFilter=~"):
            allowed |= set(line.split("=", 1)[1].split())
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= allowed


def settings(unit):
    """What is said twice, or more often, is a list: so systemd reads it."""
    said = {}
    for line in (GATEWAY / unit).read_text().splitlines():
        if "=" in line and line[0] != "#":
            key, value = line.split("=", 1)
            said[key] = f"{said[key]} {value}" if key in said else value
    return said


def test_what_talks_to_strangers_is_another_user_than_the_daemon():
    daemon, child = settings("packaging/baiyed.service"), settings("packaging/baiye-child@.service")
    screen, door = settings("led/baiye-led.service"), settings("packaging/baiye-child.socket")
    users = [unit["User"] for unit in (daemon, child, screen)]
    assert len(set(users)) == 3 and users[0] == "baiye"
    for unit in (child, screen):
        assert unit["Group"] == unit["User"]
        assert "baiye" not in unit.get("SupplementaryGroups", "").split()
    # Only the daemon has one started, at the socket that it is told of.
    assert (door["SocketUser"], door["SocketMode"]) == ("baiye", "0600") and door["Accept"] == "yes"
    assert f"BAIYED_CHILDREN={door['ListenSequentialPacket']}" in daemon["Environment"].split()
    assert "baiye-child.socket" in daemon["Wants"] and "baiye-child.socket" in daemon["After"]
    assert "RestrictNamespaces=yes" in (GATEWAY / "packaging/baiyed.service").read_text()


PORTS = ["ttyUSB", "ttyACM", "ttyXRUSB", "ttyCH343USB", "ttyS", "ttyAMA", "ttymxc", "ttySTM", "ttyO",
         "ttySC", "ttyAML", "ttyTHS", "ttyPS"]


def test_the_gateway_may_open_serial_ports_of_every_kind_and_nothing_else():
    unit = (GATEWAY / "packaging/baiyed.service").read_text()
    assert re.findall(r"^DeviceAllow=char-(\S+) rw$", unit, re.M) == PORTS
    assert re.findall(r"^DeviceAllow=", unit, re.M) == ["DeviceAllow="] * len(PORTS)
    assert "DevicePolicy=closed" in unit


def ignored_by_modem_manager(device):
    """What the package's rules make of a tty whose USB parent has these attributes, as udev(7)
    matches: all conditions of a line, alternatives by |, shell patterns."""
    ignored = False
    for line in (GATEWAY / "packaging/60-baiye.rules").read_text().splitlines():
        conditions = re.findall(r'([\w{}]+)=="([^"]*)"', line)
        if "ID_MM_PORT_IGNORE" in line and all(
                any(fnmatch.fnmatch(device.get(key, ""), one) for one in wanted.split("|"))
                for key, wanted in conditions):
            ignored = True
    return ignored


@pytest.mark.parametrize("vendor, ignored", [
    ("0403", True), ("1a86", True), ("10c4", True), ("067b", True), ("04e2", True),  # adapters
    ("2c7c", False), ("1e0e", False), ("12d1", False), ("19d2", False), ("1199", False)])  # modems
@pytest.mark.parametrize("kernel", ["ttyUSB0", "ttyACM3"])
def test_only_adapters_are_hidden_from_the_modem_manager(vendor, ignored, kernel):
    """Quectel, SIMCom, Huawei, ZTE and Sierra modems are ttyUSB too: the gateway's own uplink."""
    device = {"ACTION": "add", "SUBSYSTEM": "tty", "KERNEL": kernel, "ATTRS{idVendor}": vendor}
    assert ignored_by_modem_manager(device) is ignored


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
