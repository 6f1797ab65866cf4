# SPDX-License-Identifier: Apache-2.0
"""`baiye doctor`: each fault of a machine or gateway is named, with what to do, and a sound one has
none. The machine's /sys, /proc, /run and /dev are folders that a test makes."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from test_cli import BAIYE, ROOT
from test_http import Gateway, broker, folder, gateway, free_port  # noqa: F401

PORT = "/dev/serial/by-id/usb-FTDI_FT232R_A9XYZ-if00-port0"
CONFIG = """
site: hill
store: {{ path: {data}/readings.db, max_size: 64MB }}
mqtt:
  - {{ name: local, url: 'mqtt://127.0.0.1:{broker}', user: gateway, password_file: gw.pass }}
buses:
  - name: east
    port: {port}
    baud: 9600
    devices:
      - {{ name: plot-1, profile: baiye-node, address: 1, every: 60s }}
"""
UNIT = {"ActiveState": "active", "UnitFileState": "enabled", "NRestarts": "0",
        "NeedDaemonReload": "no", "User": "baiye", "NoNewPrivileges": "yes",
        "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
        "DevicePolicy": "closed", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes",
        "ProtectKernelLogs": "yes", "ProtectControlGroups": "yes", "ProtectClock": "yes",
        "ProtectProc": "invisible", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes",
        "MemoryDenyWriteExecute": "yes", "CapabilityBoundingSet": ""}


class Machine:
    """A sound gateway; a test breaks one thing of it."""

    def __init__(self, at):
        self.at, self.root = at, at / "root"
        self.config = {"data": at / "data", "broker": free_port(), "port": PORT}
        (at / "data").mkdir()
        (at / "gw.pass").write_text("x" * 20)
        usb = self.root / "sys/devices/usb1/1-1"
        tty = usb / "1-1:1.0/ttyUSB0"
        self.write("sys/devices/usb1/1-1/idVendor", "0403")
        self.write("sys/devices/usb1/1-1/idProduct", "6001")
        self.write("sys/devices/usb1/1-1/serial", "A9XYZ")
        self.write("sys/devices/usb1/1-1/1-1:1.0/ttyUSB0/latency_timer", "1")
        (tty / "driver").symlink_to("../../../../bus/usb-serial/drivers/ftdi_sio")
        self.write("sys/class/tty/ttyUSB0/dev", "188:0")
        (self.root / "sys/class/tty/ttyUSB0/device").symlink_to(tty)
        self.write("dev/ttyUSB0", "")
        for kind, name in (("by-id", pathlib.Path(PORT).name), ("by-path", "pci-0:1-port0")):
            (self.root / "dev/serial" / kind).mkdir(parents=True)
            (self.root / "dev/serial" / kind / name).symlink_to("../../ttyUSB0")
        self.write("run/udev/data/c188:0", "E:ID_MM_PORT_IGNORE=1\n")
        self.write("sys/class/rtc/rtc0/since_epoch", str(int(time.time())))
        self.process(700, "mosquitto")
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.unit = dict(UNIT)
        self.tools = at / "tools"
        self.tools.mkdir()
        self.disk = self.put_disk("mmcblk0", "mmcblk0p2")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def process(self, pid, name, opens=None):
        self.write(f"proc/{pid}/comm", name)
        (self.root / f"proc/{pid}/fd").mkdir()
        if opens:
            (self.root / f"proc/{pid}/fd/3").symlink_to(opens)

    def put_disk(self, whole, part):
        device = os.stat(self.at).st_dev
        folder = self.root / f"sys/devices/mmc/block/{whole}/{part}"
        folder.mkdir(parents=True)
        (folder / "partition").write_text("2\n")
        link = self.root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
        link.parent.mkdir(parents=True)
        link.symlink_to(folder)
        self.write(f"sys/fs/ext4/{part}/errors_count", "0")
        self.write(f"sys/block/{whole}/device/life_time", "0x01 0x02")
        self.write(f"sys/block/{whole}/device/pre_eol_info", "0x01")
        return whole

    def tool(self, name, text):
        (self.tools / name).write_text("#!/bin/sh\n" + text)
        (self.tools / name).chmod(0o755)

    def look(self, *more, code=None, env=None):
        (self.at / "baiye.yaml").write_text(CONFIG.format(**self.config))
        self.tool("systemctl", "".join(f"echo '{k}={v}'\n" for k, v in self.unit.items()))
        done = subprocess.run(
            [BAIYE, "doctor", "--config", self.at / "baiye.yaml", "--profiles",
             ROOT / "gateway/profiles", "--root", self.root, "--socket", self.at / "none.sock",
             "--json", *more],
            capture_output=True, text=True, timeout=60,
            env=dict(os.environ, PATH=f"{self.tools}:{os.environ['PATH']}", LANG="C", **(env or {})))
        assert done.stderr == "", done.stderr
        assert code is None or done.returncode == code, done.stdout
        return done

    def found(self, *more, code=None):
        return json.loads(self.look(*more, code=code).stdout)["found"]


@pytest.fixture
def machine():
    at = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield Machine(at)
    shutil.rmtree(at)


def bad(found, area):
    return [(one["state"], one["text"], one["todo"]) for one in found
            if one["area"] == area and one["state"] != "ok"]


def test_a_sound_machine_has_nothing_bad_in_any_area(machine):
    found = machine.found()
    assert {one["area"] for one in found} >= {"configuration", "permissions", "ports", "clock",
                                              "disk", "store", "brokers", "versions", "service"}
    for area in ("configuration", "ports", "disk", "store", "versions", "service"):
        assert bad(found, area) == [], found
    # The port of a sound one is a pty here, and no broker runs: those alone are said.
    assert all("A9XYZ" in text for _, text, _ in bad(found, "permissions"))


def test_what_is_to_be_done_about_each_permission_stands_beside_it(machine):
    (machine.at / "a.pem").mkdir()
    machine.config["port"] = "/dev/serial/by-id/gone"
    machine.config["data"] = (f"{machine.at}/gone/readings.db }}\nhttp: {{ listen: '127.0.0.1:8080', "
                              f"app_dir: {machine.at}/none, cert_file: a.pem, key_file: gone/a.key }} # ")
    found = [one for one in machine.found() if one["area"] == "permissions"]
    said = {one["text"]: one["todo"] for one in found}
    for text, todo in (("gone: No such", "plug the adapter in"), ("a.pem: ", "name the file itself"),
                       ("gone/a.key: No such", "correct its name"), ("/gone: No such", "make it"),
                       ("app_dir: ", "/usr/share/baiye/app")):
        assert any(text in one and todo in what for one, what in said.items()), (text, said)
    assert all(one["todo"] and one["zh"]["todo"] for one in found), found


@pytest.mark.parametrize("what, area, state, text, todo", [
    ("wrong configuration", "configuration", "broken", "baiye.yaml:3: ", "baiye check"),
    ("no port", "ports", "broken", "there is no /dev/serial/by-id/gone", "plug the adapter in"),
    ("counted name", "ports", "warning", "/dev/ttyUSB0 may be another adapter", PORT),
    ("no serial number", "ports", "warning", "has no serial number", "by-path/pci-0:1-port0"),
    ("counted, no serial number", "ports", "warning", "may be another adapter",
     "by-path/pci-0:1-port0"),
    ("latency", "ports", "warning", "holds answers back for 16 ms", "udev rule"),
    ("brltty's rule", "ports", "warning", "brltty is installed", "apt purge brltty"),
    ("brltty runs", "ports", "warning", "brltty is installed", "apt purge brltty"),
    ("modem manager", "ports", "warning", "ModemManager looks for a modem", "udev rule"),
    ("another master", "ports", "broken", "minicom (812) has the port open", "two masters"),
    ("no battery clock", "clock", "warning", "no battery clock", "DS3231"),
    ("battery empty", "clock", "warning", "days off", "hwclock"),
    ("card worn", "disk", "warning", "used about 90 % of its life", "new one"),
    ("card worn out", "disk", "broken", "mmcblk0 is worn out", "baiye backup"),
    ("card at its end", "disk", "broken", "mmcblk0 is worn out", "baiye backup"),
    ("file system errors", "disk", "broken", "mmcblk0p2 has had 3 errors", "fsck"),
    ("smart", "disk", "broken", "says of itself that it fails", "baiye backup"),
    ("no folder", "disk", "broken", "No such file", "make it"),
    ("little room", "disk", "warning", "the store may take", "max_size"),
    ("damaged store", "store", "broken", "is damaged", "baiye backup"),
    ("not a store", "store", "broken", "is damaged", "baiye backup"),
    ("no broker answers", "brokers", "broken", "Connection refused", "is the broker running"),
    ("unit stopped", "service", "broken", "baiyed.service is failed", "systemctl start"),
    ("not at boot", "service", "warning", "does not start at boot", "systemctl enable"),
    ("restarts", "service", "warning", "ended by itself 4 times", "journalctl"),
    ("unit changed", "service", "warning", "has not read its unit", "daemon-reload"),
    ("runs as root", "service", "warning", "User=root", "systemctl cat baiyed"),
    ("less shut in", "service", "warning", "ProtectSystem=no", "systemctl cat baiyed"),
    ("no systemd", "service", "warning", "no gateway answers", "baiyed --config"),
])
def test_each_fault_is_named_with_what_to_do(machine, what, area, state, text, todo):
    usb = "sys/devices/usb1/1-1"
    if what == "wrong configuration":
        machine.config["data"] = "x, max_sise: 1MB, path: y"
        machine.config["broker"] = "nothing"
    elif what == "no systemd":
        shutil.rmtree(machine.root / "run/systemd")
    elif what == "no port":
        machine.config["port"] = "/dev/serial/by-id/gone"
    elif what.startswith("counted"):
        machine.config["port"] = "/dev/ttyUSB0"
    elif what == "latency":
        machine.write(f"{usb}/1-1:1.0/ttyUSB0/latency_timer", "16")
    elif what == "brltty's rule":
        machine.write("usr/lib/udev/rules.d/85-brltty.rules", "")
    elif what == "brltty runs":
        machine.process(811, "brltty")
    elif what == "modem manager":
        machine.process(811, "ModemManager")
        machine.write("run/udev/data/c188:0", "E:ID_BUS=usb")
    elif what == "another master":
        machine.process(812, "minicom", "/dev/ttyUSB0")
    elif what == "no battery clock":
        (machine.root / "sys/class/rtc/rtc0/since_epoch").unlink()
    elif what == "battery empty":
        machine.write("sys/class/rtc/rtc0/since_epoch", "1000000")
    elif what == "card worn":
        machine.write("sys/block/mmcblk0/device/life_time", "0x01 0x09")
    elif what == "card worn out":
        machine.write("sys/block/mmcblk0/device/life_time", "0x0b 0x01")
    elif what == "card at its end":
        machine.write("sys/block/mmcblk0/device/pre_eol_info", "0x03")
    elif what == "file system errors":
        machine.write("sys/fs/ext4/mmcblk0p2/errors_count", "3")
    elif what == "smart":
        machine.tool("smartctl", "echo '{\"smart_status\":{\"passed\":false}}'; exit 8\n")
    elif what == "no folder":
        machine.config["data"] = machine.at / "gone"
    elif what == "little room":
        machine.config["data"] = f"{machine.at}/data/readings.db, max_size: 9000GB }} # "
    elif what == "damaged store":
        subprocess.run(["sqlite3", machine.at / "data/readings.db",
                        "create table t(x); create index i on t(x); insert into t values "
                        "(randomblob(3000)),(randomblob(3000)),(randomblob(3000))"], check=True)
        data = bytearray((machine.at / "data/readings.db").read_bytes())
        data[4096 + 100:] = os.urandom(len(data) - 4096 - 100)
        (machine.at / "data/readings.db").write_bytes(data)
    elif what == "not a store":
        (machine.at / "data/readings.db").write_bytes(b"tea" * 1000)
    elif what == "unit stopped":
        machine.unit["ActiveState"] = "failed"
    elif what == "not at boot":
        machine.unit["UnitFileState"] = "disabled"
    elif what == "restarts":
        machine.unit["NRestarts"] = "4"
    elif what == "unit changed":
        machine.unit["NeedDaemonReload"] = "yes"
    elif what == "runs as root":
        machine.unit["User"] = "root"
    elif what == "less shut in":
        machine.unit["ProtectSystem"] = "no"
    if what.endswith("no serial number"):
        (machine.root / usb / "serial").unlink()
    found = bad(machine.found(code=1 if state == "broken" else None), area)
    assert any(s == state and text in t and todo in d for s, t, d in found), found


def ended_certificate(at):
    """a.pem of a.key, for two days of the year 2020."""
    (at / "ca.txt").write_text("")
    (at / "ca.cnf").write_text(f"[ca]\ndefault_ca=c\n[c]\ndatabase={at}/ca.txt\nrand_serial=yes\n"
                               f"new_certs_dir={at}\ndefault_md=sha256\npolicy=p\n[p]\n"
                               "commonName=supplied\n")
    for words in (["req", "-new", "-key", at / "a.key", "-subj", "/CN=x", "-out", at / "a.csr"],
                  ["ca", "-batch", "-config", at / "ca.cnf", "-selfsign", "-keyfile", at / "a.key",
                   "-in", at / "a.csr", "-out", at / "a.pem", "-notext", "-startdate",
                   "20200101000000Z", "-enddate", "20200103000000Z"]):
        subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.mark.parametrize("what, state, said", [
    ("good", "ok", "holds for 3"), ("ended", "broken", "has ended"),
    ("soon", "warning", "more days"), ("not PEM", "broken", "not PEM"),
    ("another key", "broken", "is not that of")])
def test_certificates_are_judged(machine, what, state, said):
    days = "10" if what == "soon" else "365"
    for name in ("a", "b"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", machine.at / f"{name}.key",
                        "-out", machine.at / f"{name}.pem", "-days", days, "-subj", "/CN=x"],
                       check=True, capture_output=True)
    if what == "ended":
        ended_certificate(machine.at)
    if what == "not PEM":
        (machine.at / "a.pem").write_text("x")
    key = "b" if what == "another key" else "a"
    machine.config["data"] = (f"{machine.at}/data/readings.db }}\n"
                              f"http: {{ listen: '127.0.0.1:8080', cert_file: a.pem, key_file: {key}.key }} # ")
    found = [one for one in machine.found() if one["area"] == "certificates"]
    assert any(one["state"] == state and said in one["text"] for one in found), found


def test_it_reads_as_chinese_and_fits_80_columns(machine):
    machine.process(811, "brltty")
    for lang, word in (("zh_CN.UTF-8", "盲文显示器"), ("C.UTF-8", "Braille")):
        (machine.at / "baiye.yaml").write_text(CONFIG.format(**machine.config))
        machine.look()
        command = (f"LANG={lang} PATH={machine.tools}:$PATH {BAIYE} doctor --config "
                   f"{machine.at}/baiye.yaml --profiles {ROOT}/gateway/profiles --root "
                   f"{machine.root} --socket {machine.at}/none.sock")
        done = subprocess.run(["script", "-qc", f"stty cols 80; {command}", "/dev/null"],
                              capture_output=True, text=True, timeout=60,
                              env={k: v for k, v in os.environ.items() if k != "NO_COLOR"})
        flat = "".join(done.stdout.split())
        assert word in flat and "\033[3" in done.stdout
        for line in done.stdout.splitlines():
            line = re.sub("\033\\[[0-9]+m", "", line).rstrip("\r\n")
            assert sum(2 if ord(c) > 0x2e80 else 1 for c in line) <= 80 or " " not in line.strip()


def test_a_running_gateway_is_asked(gateway, folder):  # noqa: F811
    done = subprocess.run([BAIYE, "doctor", "--json", "--config", ROOT / "gateway/packaging/baiye.yaml",
                           "--socket", folder / "control.sock"], capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)["found"]
    assert any("this is " in one["text"] or "running gateway" in one["text"] for one in found), found
