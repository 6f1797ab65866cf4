# SPDX-License-Identifier: Apache-2.0
"""The package baiye-county, installed for real in a throw-away copy of this machine: set up by its
one command, with a broker, PostgreSQL and a gateway's certificate, to the reading in the database."""
import os
import re
import subprocess

import pytest

import garden
from test_package import Machine, deb  # noqa: F401
from test_http import ROOT, wait_for

pytestmark = pytest.mark.xdist_group("package")

PACKAGING = ROOT / "gateway/county/packaging"
BODY = ('{"v":1,"gw":"6f1f8c1e-0f5e-4b7e-9d59-0123456789ab","ids":[1,1],"readings":[{"d":"plot-1",'
        '"boot":1,"seq":1,"ts":1795000000000,"values":{"air_temperature":21.5},"flags":{}}]}')


@pytest.fixture
def county_deb(deb):  # noqa: F811
    return max(deb.parent.glob("baiye-county_*.deb"), key=lambda path: path.stat().st_mtime)


@pytest.fixture
def machine(tmp_path, county_deb):
    if os.geteuid() != 0:
        pytest.skip("only root can install a package")
    made = Machine(tmp_path)
    yield made
    made.close()


def test_the_gateways_package_holds_nothing_of_the_countys(deb, county_deb):  # noqa: F811
    def names(path):
        listed = subprocess.run(["dpkg-deb", "-c", path], capture_output=True, text=True, check=True)
        return {line.split(None, 5)[5].split(" -> ")[0] for line in listed.stdout.splitlines()
                if not line.endswith("/")}
    gateway, county = names(deb), names(county_deb)
    assert not gateway & county
    assert not [name for name in gateway if "ingest" in name or "county" in name]
    assert {"./usr/bin/baiye-ingest", "./usr/bin/baiye-county", "./usr/bin/baiye-growers", "./usr/share/baiye-county/app/index.html",
            "./usr/sbin/baiye-county-setup",
            "./usr/share/baiye-county/broker/mosquitto.conf", "./usr/share/man/man8/baiye-county.8.gz",
            "./lib/systemd/system/baiye-ingest@.service", "./lib/systemd/system/baiye-county.service",
            "./usr/share/doc/baiye-county/COUNTY.md"} <= county


def test_lintian_has_nothing_to_say(county_deb):
    done = subprocess.run(["lintian", "--no-cfg", "--color", "never", "--show-overrides",
                           "--display-info", "--allow-root", county_deb], capture_output=True,
                          text=True)
    said = [line for line in done.stdout.splitlines()
            if line[:2] in ("E:", "W:") or ": hardening-" in line]
    assert not said, "\n".join(said)


def test_its_units_give_up_what_the_gateways_does():
    """All that baiyed's unit takes from its process, but for serial ports."""
    def hardening(path):
        lines = path.read_text().splitlines()
        return {line for line in lines[lines.index("NoNewPrivileges=yes"):] if "=" in line}
    theirs = {line for line in hardening(ROOT / "gateway/packaging/baiyed.service")
              if not re.match("#|Device|PrivateDevices|SystemCallFilter=(landlock|setpriority)", line)}
    for name in "baiye-ingest@.service", "baiye-county.service", "baiye-growers.service":
        assert theirs <= hardening(PACKAGING / name), name
        assert "PrivateDevices=yes" in hardening(PACKAGING / name)


def test_the_manual_names_every_key():
    source = (ROOT / "gateway/county/settings.c").read_text()
    keys = set(re.findall(r'^    \{"([a-z_]+)", KEY_', source, re.M))
    page = (PACKAGING / "man/baiye-ingest.8").read_text()
    said = set(re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"^\.It Cm (.*)$", page, re.M))))
    assert keys and keys == said


def engines(machine):
    machine.run("install -d -o postgres -g postgres /run/postgresql && "
                "(pg_lsclusters -h | grep -q '^15 main' || pg_createcluster 15 main) && "
                "pg_ctlcluster 15 main start")
    wait_for(lambda: machine.run("runuser -u postgres -- psql -XAtqc 'SELECT 1' 2>&1 || true") == "1\n",
             "PostgreSQL answers", 30)
    machine.run("chown mosquitto /run/mosquitto")


def publish(topic, folder):
    return (f"mosquitto_pub -V 5 -h localhost -p 8883 --cafile {folder}/county-ca.crt "
            f"--cert {folder}/gateway.crt --key {folder}/gateway.key -q 1 -t {topic} -m '{BODY}'")


def test_from_the_package_to_a_reading_in_the_database(machine, county_deb, tmp_path_factory):
    log = open(tmp_path_factory.mktemp("log") / "log", "wb")
    said = machine.run(f"dpkg -i {county_deb} 2>&1")
    assert "baiye-county-setup init" in said
    engines(machine)
    machine.run("baiye-county-setup init localhost")
    before = machine.run("cksum /etc/baiye-county/* 2>/dev/null || true")
    machine.run("baiye-county-setup init localhost")
    assert before == machine.run("cksum /etc/baiye-county/* 2>/dev/null || true"), "twice is once"
    # As a version left it that knew no growers: the new one says what to do, and that does it.
    conf = "/etc/mosquitto/conf.d/baiye-county.conf"
    machine.run(f"cp {conf} /root/before && sed -i '/^# Growers/,$d' {conf} && echo '# mine' >>{conf} && "
                "rm /etc/baiye-county/growers.*")
    assert "init NAME-OF-THIS-HOST adds what is new" in machine.run(f"dpkg -i {county_deb} 2>&1")
    assert "listener for growers is new" in machine.run("baiye-county-setup init localhost")
    machine.run(f"grep -v '^# mine' {conf} | diff -B /root/before - && grep -q '^# mine' {conf}")
    assert "growers" not in machine.run(f"dpkg -i {county_deb} 2>&1")
    assert before == machine.run("cksum /etc/baiye-county/* 2>/dev/null || true"), "all else is as it was"
    broker = machine.start("mosquitto", "mosquitto -c /etc/mosquitto/mosquitto.conf", log)
    run = "setpriv --reuid=baiye-county --regid=baiye-county --clear-groups /usr/bin/"
    machine.start("ingest", run + "baiye-ingest /etc/baiye-county/ingest-a.yaml", log)
    machine.start("county", run + "baiye-county /etc/baiye-county/county.yaml", log)

    def number(sql):
        return int(machine.run(f'runuser -u baiye-county -- psql -XAtq -d baiye -c "{sql}" || echo -1'))
    assert machine.run("baiye-county-setup gateway farm-1") == "/etc/baiye-county/gateways/farm-1\n"
    folder = "/etc/baiye-county/gateways/farm-1"
    wait_for(lambda: machine.run(publish("baiye/farm-1/readings", folder) + " 2>&1 || true") is not None
             and number("SELECT count(*) FROM reading") == 1, "the reading is stored", 60)
    assert number("SELECT count(*) FROM gateway WHERE site = 'farm-1'") == 1
    words = machine.run("baiye-county-setup token farm-3").split()
    assert words[:3] == ["baiye", "enrol", "https://localhost:8443"]
    joined = tmp_path_factory.mktemp("joined") / "county"
    done = subprocess.run([*machine.enter[:3], "-n", garden.program("baiye"), *words[1:], "--dir", joined], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0 and "mqtts://localhost:8883" in done.stdout, done
    for wrong in "Farm", "county", "ingest-b", "a/b", "'a b'", "''", "x" * 33:
        machine.run(f"baiye-county-setup gateway {wrong}", 64)
    machine.run(f"cp -r {folder} /root/farm-1 && baiye-county-setup revoke farm-1")
    machine.stop("mosquitto", broker)
    machine.start("mosquitto", "mosquitto -c /etc/mosquitto/mosquitto.conf", log)
    machine.run("baiye-county-setup gateway farm-2")
    wait_for(lambda: "sent" in machine.run(publish(
        "baiye/farm-2/x", "/etc/baiye-county/gateways/farm-2") + " && echo sent || true"), "the broker listens", 20)
    assert "refused" in machine.run(publish("baiye/farm-1/x", "/root/farm-1") +
                                    " >/dev/null 2>&1 && echo sent || echo refused")
    for name in "ingest", "county":
        machine.run(f"kill -TERM $(cat /run/{name}.test-pid)")
    machine.run("dpkg --purge baiye-county 2>&1")
    assert machine.run("ls -d /etc/baiye-county /usr/share/baiye-county /etc/mosquitto/conf.d/"
                       "baiye-county.conf 2>/dev/null || true") == ""
    assert machine.run("getent passwd baiye-county || true") == ""
    assert machine.run("runuser -u postgres -- psql -XAtq -d baiye -c 'SELECT count(*) FROM reading'"
                       ) == "1\n", "readings outlive the package"
