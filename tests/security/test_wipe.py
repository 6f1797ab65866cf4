# SPDX-License-Identifier: Apache-2.0
"""A box that changes hands: nothing of the farm stays on it, and nothing else goes."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from test_cli import baiye, site  # noqa: E402,F401
from test_package import deb, machine  # noqa: E402,F401


UNITS = "/etc/systemd/system"  # of a version that is being tried


def test_it_asks(site):  # noqa: F811
    path, _ = site
    before = sorted(path.iterdir())
    for answer in ("", "no\n", "y\n", "YES\n", "yes please\n"):
        told = baiye("wipe", "--config", path / "baiye.yaml", "--socket", path / "none", code=77,
                     stdin=answer)
        assert "no way back" in told.stderr and "nothing was removed" in told.stderr
    assert sorted(path.iterdir()) == before


def test_only_the_sites_own_files_go_where_somebody_chose_the_folder(site):  # noqa: F811
    path, _ = site
    config = path / "baiye.yaml"
    baiye("user", "add", "li", "--role", "farmer", "--config", config)
    baiye("cert", "--host", "127.0.0.1", "--dir", path / "tls")
    for name in ("readings.db", "readings.db-wal", "readings.db.salvaged", "users.before-restore"):
        (path / name).write_text("secret")
    for name in ("garden.yaml", "notes.txt", "other.db"):
        (path / name).write_text("mine")
    (path / "aside").mkdir()
    (path / "aside" / "ca.key").write_text("mine")
    (path / "link.key").symlink_to(path / "aside" / "ca.key")  # it goes, not what it leads to
    (path / "profiles").symlink_to(path / "aside")
    told = baiye("wipe", "--config", config, "--socket", path / "none", stdin="yes\n")
    assert "backups" in told.stdout
    assert sorted(p.name for p in path.iterdir()) == ["aside", "garden.yaml", "notes.txt", "other.db"]
    assert (path / "aside" / "ca.key").read_text() == "mine"


def test_secrets_are_written_over_before_they_go(site):  # noqa: F811
    """Held open by name of its own, the file shows what the disk would."""
    path, _ = site
    secret = path / "gw.pass"
    with open(secret, "rb") as held:
        assert len(held.read()) == 32
        baiye("wipe", "--yes", "--config", path / "baiye.yaml", "--socket", path / "none")
        assert not secret.exists()
        assert os.pread(held.fileno(), 64, 0) == bytes(32)


@pytest.mark.xdist_group("package")  # one build at a time
def test_an_installed_gateway_is_as_just_installed(machine, deb):  # noqa: F811
    machine.run(f"dpkg -i --force-confold {deb}")
    fresh = machine.run("find /etc/baiye /var/lib/baiye -printf '%p %u:%g %m\\n' | sort")
    before = machine.run("cat /etc/baiye/gw.pass")
    login = machine.run("baiye user add li --role technician").split("password: ")[1].strip()
    machine.run("baiye cert --host 10.1.2.3 && echo 'site: my-hill' >/etc/baiye/garden.yaml && "
                "mkdir -p /var/lib/baiye/boards /etc/baiye/profiles /var/lib/baiye-upgrade "
                f"{UNITS}/timers.target.wants && "
                "echo my-hill | tee /var/lib/baiye/readings.db /var/lib/baiye/boards/register.csv "
                "/etc/baiye/profiles/mine.yaml /etc/baiye/led.yaml /var/lib/mosquitto/mosquitto.db "
                "/var/log/mosquitto/mosquitto.log /var/lib/baiye-upgrade/baiye.sources "
                f"{UNITS}/baiye-upgrade-undo.timer {UNITS}/baiye-upgrade-undo.service && "
                f"ln -s ../baiye-upgrade-undo.timer {UNITS}/timers.target.wants/ && "
                "ln -s /usr/share/baiye /var/lib/baiye/elsewhere")
    machine.run("baiye wipe </dev/null", code=77)
    assert "my-hill" in machine.run("cat /etc/baiye/led.yaml")
    machine.run("baiye wipe --yes")
    assert machine.run("find /etc/baiye /var/lib/baiye -printf '%p %u:%g %m\\n' | sort") == fresh
    machine.run("test -r /usr/share/baiye/baiye.yaml")
    left = machine.run("grep -rlE 'my-hill|10.1.2.3|^li[: ]' /etc/baiye /var/lib/baiye /var/lib/mosquitto "
                       f"/var/log/mosquitto /var/lib/baiye-upgrade {UNITS} || true")
    assert machine.run(f"find {UNITS} -name 'baiye-upgrade-undo*'") == ""
    assert left == "" and login not in machine.run("cat /etc/baiye/*")
    assert machine.run("cat /etc/baiye/gw.pass") not in ("", before)
    machine.run("baiye check && baiye user list")
