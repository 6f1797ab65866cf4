# SPDX-License-Identifier: Apache-2.0
"""The Debian package, installed for real: in an overlay over this machine's own root, with its own
mounts, processes and network, so that nothing of it stays."""
import fcntl
import gzip
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import tarfile
import termios

import garden
import pytest
import yaml

from test_http import ROOT, wait_for

pytestmark = pytest.mark.xdist_group("package")  # built once

PACKAGING = ROOT / "gateway/packaging"


BOARD = "stm32f103-rs485"


@pytest.fixture(scope="session")
def deb(tmp_path_factory):
    """With firmware of a key that was made for it."""
    build, folder = ROOT / "build/package", tmp_path_factory.mktemp("release")
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                    folder / "key.pem"], check=True)
    subprocess.run([ROOT / "tools/firmware", "--key", folder / "key.pem", "--out", folder / "firmware",
                    "--version", "3.2.1", BOARD], check=True, stdout=subprocess.DEVNULL)

    def configure(firmware):
        subprocess.run(["cmake", "--preset", "package", f"-DBAIYE_FIRMWARE={firmware}"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    configure(folder / "firmware")
    subprocess.run(["cmake", "--build", build, "--target", "all", "package"], check=True,
                   stdout=subprocess.DEVNULL)
    yield max(build.glob("baiye_*.deb"), key=lambda path: path.stat().st_mtime)
    configure(ROOT / "build/firmware")


class Machine:
    """A throw-away copy of this machine, without what a gateway on it has."""

    def __init__(self, folder):
        self.folder = folder
        script = (f"mount -t tmpfs tmpfs {folder} && cd {folder} && mkdir upper work root && "
                  "mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root && "
                  "rm -rf root/etc/baiye root/var/lib/baiye && "
                  "mount -t proc proc root/proc && mount --rbind /dev root/dev && "
                  "mount -t tmpfs tmpfs root/run && mkdir -p root/run/mosquitto root/run/lock && "
                  "ip link set lo up && echo ready && exec sleep 3600")
        self.process = subprocess.Popen(["unshare", "-mnp", "--fork", "--kill-child", "sh", "-c",
                                         script], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            why = self.process.stderr.read()
            pytest.skip(f"no namespaces or overlays here: {why.strip()[-200:]}")
        pid = self.process.pid
        child = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        self.enter = ["nsenter", "-t", child, "-m", "-n", "-p", "chroot", str(folder / "root")]

    def run(self, command, code=0):
        done = subprocess.run([*self.enter, "sh", "-c", command], capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, name, command, log):
        return subprocess.Popen([*self.enter, "sh", "-c",
                                 f"echo $$ >/run/{name}.test-pid; exec {command}"],
                                stderr=log, stdout=log)

    def stop(self, name, process):
        self.run(f"kill -TERM $(cat /run/{name}.test-pid)")
        return process.wait(120)

    def close(self):
        self.process.kill()
        self.process.wait(120)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def machine(tmp_path, deb):
    if os.geteuid() != 0:
        pytest.skip("only root can install a package")
    machine = Machine(tmp_path)
    yield machine
    machine.close()


def exec_start():
    unit = (PACKAGING / "baiyed.service").read_text()
    return re.search(r"^ExecStart=(.*)$", unit, re.M).group(1)


def test_it_holds_what_it_should(deb):
    """The app too; nothing that others may write or that runs as somebody else; what lies in /etc
    is the operator's."""
    listed = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True, check=True)
    files = [line.split(None, 5) for line in listed.stdout.splitlines()]
    names = {entry[5].split(" -> ")[0] for entry in files}
    for entry in files:
        assert entry[1] == "root/root", entry
        assert entry[0][0] == "l" or (entry[0][5] != "w" and entry[0][8] != "w"), entry
        assert "s" not in entry[0][1:].lower() and "t" not in entry[0][1:], entry
    assert {"./usr/share/baiye/app/index.html", "./usr/bin/baiyed", "./usr/bin/baiye",
            "./usr/bin/baiye-led", "./usr/share/doc/baiye/copyright",
            *(f"./usr/share/doc/baiye/sbom/{part}.cdx.json.gz" for part in ("gateway", "app", "firmware")),
            "./lib/modules-load.d/baiye.conf", f"./usr/share/baiye/boards/{BOARD}/baiye-boot.bin",
            f"./usr/share/baiye/boards/{BOARD}/baiye-node.img"} <= names
    assert any(name.startswith("./usr/share/baiye/app/assets/") and name.endswith(".js")
               for name in names)
    control = subprocess.run(["dpkg-deb", "--ctrl-tarfile", deb], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(control.stdout)) as tar:
        marked = (tar.extractfile("./conffiles").read().decode().split()
                  if "./conffiles" in tar.getnames() else [])
    in_etc = {name[1:] for name in names if name.startswith("./etc/") and not name.endswith("/")}
    assert in_etc == set(marked)


def test_lintian_has_nothing_to_say(deb):
    """No error and no warning but those that the package's own file of overrides explains, and no
    program without what the compiler has against overwritten memory."""
    done = subprocess.run(["lintian", "--no-cfg", "--color", "never", "--show-overrides",
                           "--display-info", "--allow-root", deb], capture_output=True, text=True)
    said = [line for line in done.stdout.splitlines()
            if line[:2] in ("E:", "W:") or ": hardening-" in line]
    assert not said, "\n".join(said)
    overridden = [line for line in done.stdout.splitlines() if line.startswith("O:")]
    explained = (PACKAGING / "debian/lintian-overrides").read_text()
    assert {line.split()[2] for line in overridden} == {
        line.split()[1] for line in explained.splitlines() if line.startswith("baiye: ")}
    assert done.stderr == ""


def test_its_sums_hold_and_its_papers_are_in_order(deb, tmp_path):
    subprocess.run(["dpkg-deb", "-R", deb, tmp_path], check=True)
    subprocess.run(["md5sum", "--quiet", "--strict", "-c", "DEBIAN/md5sums"], cwd=tmp_path, check=True)
    summed = {line.split(None, 1)[1] for line in
              (tmp_path / "DEBIAN/md5sums").read_text().splitlines()}
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")
             if path.is_file() and not path.is_symlink()}
    assert summed == {name for name in files if not name.startswith("DEBIAN/")}
    with gzip.open(tmp_path / "usr/share/doc/baiye/changelog.gz", "rt") as changelog:
        version = re.match(r"baiye \(([0-9.]+)\) ", changelog.read()).group(1)
    assert f"Version: {version}\n" in (tmp_path / "DEBIAN/control").read_text()
    assert f"project(baiye VERSION {version} " in (ROOT / "CMakeLists.txt").read_text()
    # The app holds other people's work, minified: they are named.
    rights = (tmp_path / "usr/share/doc/baiye/copyright").read_text()
    packages = json.loads((ROOT / "gateway/app/package.json").read_text())["dependencies"]
    assert all(f"({name})" in rights for name in [*packages, "workbox"])
    for page in (path for path in tmp_path.glob("usr/share/man/**/*") if path.is_file()):
        assert page.suffix == ".gz" and b".SH" in gzip.decompress(page.read_bytes()).upper()
    for script in ("postinst", "postrm", "prerm"):
        assert (tmp_path / "DEBIAN" / script).stat().st_mode & 0o777 == 0o755


def test_it_installs_runs_upgrades_and_leaves_nothing(machine, deb, tmp_path_factory):
    machine.run(f"dpkg -i --force-confold {deb}")

    # What is secret is for those who need it.
    def mode(path):
        return machine.run(f"stat -c '%U:%G %a' {path}").strip()
    assert mode("/etc/baiye/baiye.yaml") == "root:baiye 640"
    assert mode("/etc/baiye/gw.pass") == "root:baiye 640"
    assert mode("/etc/baiye/mosquitto.passwd") == "root:mosquitto 640"
    assert mode("/etc/baiye/mosquitto.acl") == "root:mosquitto 640"
    assert mode("/var/lib/baiye") == "baiye:baiye 750"
    for user in ("baiye-child", "baiye-led"):  # no file is theirs, and no group of others
        assert machine.run(f"id -Gn {user}").split() == [user]
    secret = machine.run("cat /etc/baiye/gw.pass")
    assert len(secret) == 32 and secret not in machine.run("cat /etc/baiye/mosquitto.passwd")
    machine.run("baiye check && baiye --version && baiyed --version && baiye-led --version")
    assert "Boards: rp2040-rs485, stm32f103-rs485\n" in machine.run("baiye flash --help")
    machine.run("test -r /usr/share/man/man8/baiyed.8.gz -a -r /usr/share/man/man1/baiye.1.gz")
    # Its firmware is found without a word, and nobody else's key is asked for.
    assert "version 3.2.1" in machine.run(f"baiye image /usr/share/baiye/boards/{BOARD}/baiye-node.img")
    assert "stm32flash" in machine.run(f"baiye flash {BOARD} --dry-run --probe serial --adapter /dev/null "
                                       "--register /root/r.csv")

    # The broker with what the package gave it, and the gateway by its own ExecStart and user.
    login = machine.run("baiye user add li --role technician").split("password: ")[1].strip()
    log_path = tmp_path_factory.mktemp("logs") / "log"
    with open(log_path, "wb") as log:
        machine.run("chown mosquitto /run/mosquitto; install -d -o baiye -g baiye /run/baiye")
        broker = machine.start("broker", "mosquitto -c /etc/mosquitto/mosquitto.conf", log)
        gateway = machine.start("gateway", "setpriv --reuid baiye --regid baiye "
                                f"--init-groups --no-new-privs {exec_start()}", log)

        def answers(path, user=""):
            done = subprocess.run([*machine.enter, "curl", "-s", *user.split(),
                                   f"http://127.0.0.1:8080{path}"], capture_output=True, text=True)
            return done.stdout if done.returncode == 0 else None
        wait_for(lambda: answers("/alive") == "alive\n", "alive", 20)
        wait_for(lambda: '"ready":true' in (answers("/ready", f"-u li:{login}") or ""), "ready", 20)
        assert "unauthorised" in answers("/ready", f"-u li:wrong{login}")
        stats = json.loads(machine.run("baiye stats --json"))
        assert stats["brokers"][0]["state"] == "up" and stats["store"]["available"]
        version = machine.run("dpkg-query -W -f '${Version}' baiye")
        wait_for(lambda: machine.run(f"baiye upgrade-gate {version} || true") == "ok\n", "acknowledged", 60)
        assert machine.run("baiye upgrade-gate 9.9", code=75).startswith("another version runs: ")
        page = machine.run("cat /usr/share/baiye/app/index.html")
        assert answers("/") == page and "<script" in page

        # HTTPS with the site's own authority, as the manual page says; a phone finds it by the code.
        told = machine.run("baiye cert --host 127.0.0.1 --host gateway.lan --site hill --port 8443")
        assert "https://127.0.0.1:8443/ca.crt" in told and "\u2588" in told
        assert mode("/etc/baiye/tls/server.key") == "root:baiye 640"
        assert mode("/etc/baiye/tls/ca.key") == "root:root 600"
        machine.run("sed -i 's|listen: 127.0.0.1:8080|listen: 0.0.0.0:8443, cert_file: "
                    "tls/server.pem, key_file: tls/server.key|' /etc/baiye/baiye.yaml && "
                    "kill -HUP $(cat /run/gateway.test-pid)")

        def trusts(path):
            return subprocess.run([*machine.enter, "curl", "-s", "--cacert",
                                   "/etc/baiye/tls/ca.pem", f"https://127.0.0.1:8443{path}"],
                                  capture_output=True, text=True).stdout
        wait_for(lambda: trusts("/alive") == "alive\n", "HTTPS", 20)
        assert trusts("/") == page
        assert trusts("/ca.crt") == machine.run("cat /etc/baiye/tls/ca.pem")
        machine.run("curl -s https://127.0.0.1:8443/alive", code=60)  # nobody else trusts it
        machine.run("baiye backup /root/b.tar && tar -tf /root/b.tar readings.db >/dev/null")
        assert machine.stop("gateway", gateway) == 0, log_path.read_text()
        machine.stop("broker", broker)

    # A gateway replaced from its backup.
    machine.run("baiye restore /root/b.tar", code=73)
    machine.run("baiye restore /root/b.tar --force && test -s /var/lib/baiye/readings.db")
    assert mode("/var/lib/baiye/readings.db").startswith("baiye:baiye")

    # An upgrade keeps what the operator has, also that he does not want it to start.
    wanted = "/etc/systemd/system/multi-user.target.wants/baiyed.service"
    machine.run(f"test -L {wanted} && rm {wanted}")
    machine.run("cd /etc/systemd/system && test -L timers.target.wants/baiye-cert.timer -a "
                "-L sockets.target.wants/baiye-password.socket -a "
                "-L sockets.target.wants/baiye-child.socket")
    machine.run("echo '# mine' >> /etc/baiye/baiye.yaml")
    machine.run("cd /etc/baiye && echo 'mqtt: { url: \"mqtt://127.0.0.1:1883\", password_file: led.pass }'"
                " >led.yaml && echo secret >led.pass && chgrp baiye led.* && chmod 640 led.*")
    acl = machine.run("cat /etc/baiye/mosquitto.acl")
    machine.run("sed -i '/alert/d' /etc/baiye/mosquitto.acl")  # as an older version wrote it
    machine.run(f"dpkg -i {deb}")
    machine.run(f"test ! -e {wanted}")
    assert mode("/etc/baiye/led.yaml") == mode("/etc/baiye/led.pass") == "root:baiye-led 640"
    assert "# mine" in machine.run("cat /etc/baiye/baiye.yaml")
    assert machine.run("cat /etc/baiye/gw.pass") == secret
    assert machine.run("baiye user list") == "li technician\n"
    assert machine.run("cat /etc/baiye/mosquitto.acl") == acl
    assert mode("/etc/baiye/mosquitto.acl") == "root:mosquitto 640"
    assert mode("/etc/baiye/mosquitto.passwd") == "root:mosquitto 640"
    machine.run("test -r /usr/share/doc/baiye/PRIVACY.md")
    machine.run("grep -qF '| `air_temperature` | °C |' /usr/share/doc/baiye/profiles.md")

    machine.run("dpkg --purge baiye")
    left = machine.run("ls -d /etc/baiye /var/lib/baiye /usr/share/baiye /usr/bin/baiye* "
                       "/etc/mosquitto/conf.d/baiye.conf /lib/systemd/system/baiyed.service "
                       "/etc/systemd/system/*/baiyed.service "
                       "/lib/systemd/system/mosquitto.service.d "
                       "/lib/systemd/system/baiye-* "
                       "/etc/systemd/system/*/baiye-* "
                       "2>/dev/null || true")
    assert left == ""
    assert "baiye" not in machine.run("cat /etc/passwd")


SCENE = {"lines": [{"name": "east", "baud": 9600, "units": [
    {"kind": "native", "address": 1, "name": "plot", "period_s": 1},
    {"kind": "xy-md02", "address": 2, "name": "air"}]}]}
DEVICES = """buses:
  - name: east
    port: /srv/field/east
    baud: 9600
    devices:
      - { name: plot, profile: baiye-node, address: 1, every: 1s }
      - { name: air, profile: xy-md02, address: 2, every: 1s }
"""


class Box:
    """A machine with the package, devices, and somebody who listens to what it publishes."""

    def __init__(self, machine, logs):
        self.machine, self.logs, self.times = machine, logs, 0
        machine.run(f"mkdir -p /srv/field && printf %s {shlex.quote(yaml.safe_dump(SCENE))} >/srv/scene.yaml")
        self.start("field", f"{garden.program('baiye-field')} --scene /srv/scene.yaml --dir /srv/field --seed 1")
        wait_for(lambda: "ready\n" in (logs / "field").read_text(), "the field", 60)
        machine.run("test -c /srv/field/east && chmod 666 /srv/field/east")

    def start(self, name, command):
        with open(self.logs / name, "ab") as log:
            setattr(self, name, self.machine.start(name, command, log))

    def run(self, login):
        """Broker, gateway, and a technician at the broker; what it hears goes to a file. A pseudo-terminal
        stays one program's own after that has ended (TIOCEXCL), as no adapter does."""
        self.times += 1
        port = os.open(self.machine.run("readlink /srv/field/east").strip(), os.O_RDONLY | os.O_NOCTTY)
        fcntl.ioctl(port, termios.TIOCNXCL)
        os.close(port)
        self.machine.run("chown mosquitto /run/mosquitto; install -d -o baiye -g baiye /run/baiye")
        self.start("broker", "mosquitto -c /etc/mosquitto/mosquitto.conf")
        wait_for(lambda: self.machine.run("mosquitto_sub -u li -P " + login + " -t baiye/my-garden/site -E && echo in"
                                          " || true") == "in\n", "the technician is let in", 20)
        self.machine.run(f"touch /srv/heard-{self.times}")
        self.start("listener", f"mosquitto_sub -u li -P {login} -t baiye/my-garden/readings -q 1 "
                   f">/srv/heard-{self.times}")
        self.start("gateway", f"setpriv --reuid baiye --regid baiye --init-groups --no-new-privs {exec_start()}")

    def stop(self):
        for name in ("gateway", "listener", "broker"):
            self.machine.stop(name, getattr(self, name))

    def heard(self):
        """(who says so, {(device, boot, number): (time, values)}) since it was started."""
        batches = [json.loads(line) for line in self.machine.run(f"cat /srv/heard-{self.times}").splitlines()]
        return {batch["gw"] for batch in batches}, {
            (one["d"], one["boot"], one["seq"]): (one["ts"], one["values"])
            for batch in batches for one in batch["readings"] if "seq" in one}

    def hears(self, more, known=()):
        def enough():
            fresh = self.heard()[1].keys() - set(known)
            return all(sum(key[0] == device for key in fresh) >= more for device in ("plot", "air"))
        wait_for(enough, f"{more} readings of each", 60)


def test_a_box_that_is_restored_after_a_purge_goes_on_as_it_was(machine, deb, tmp_path_factory):
    """The same site under the same name, its users with their passwords; what was sent is not sent again
    as something new, and no new reading has the number of an old one."""
    machine.run(f"dpkg -i --force-confold {deb}")
    login = machine.run("baiye user add li --role technician").split("password: ")[1].strip()
    machine.run(f"sed -i '/^# One bus/,$d' /etc/baiye/baiye.yaml && printf %s {shlex.quote(DEVICES)} "
                ">>/etc/baiye/baiye.yaml && baiye check")
    box = Box(machine, tmp_path_factory.mktemp("box"))
    box.run(login)
    box.hears(5)
    machine.run("baiye backup /srv/b.tar")
    box.hears(3, box.heard()[1])  # these are in no backup
    who, before = box.heard()
    box.stop()
    machine.run("dpkg --purge baiye && test ! -e /etc/baiye -a ! -e /var/lib/baiye")

    machine.run(f"dpkg -i --force-confold {deb}")
    told = machine.run("baiye restore /srv/b.tar")
    assert "goes on as the gateway that was backed up" in told
    modes = machine.run("stat -c '%U:%G %a' /etc/baiye/baiye.yaml /etc/baiye/mosquitto.passwd /etc/baiye/users "
                        "/var/lib/baiye/readings.db").splitlines()
    assert modes == ["root:baiye 640", "root:mosquitto 640", "root:baiye 640", "baiye:baiye 600"]
    box.run(login)
    box.hears(3, before)
    again, after = box.heard()
    assert again == who and len(who) == 1
    assert machine.run("baiye user list") == "li technician\n"
    for key, reading in after.items():
        if key in before:
            assert reading[1] == before[key][1], key
    sent = {(key[0], reading[0]) for key, reading in before.items()}
    fresh = {(key[0], reading[0]) for key, reading in after.items() if key not in before}
    assert not sent & fresh
    box.stop()
    machine.stop("field", box.field)


BOUNDS = {"max_packet_size": "1048576", "max_connections": "200", "max_queued_messages": "1000",
          "max_queued_bytes": "8388608", "memory_limit": "134217728",
          "persistent_client_expiration": "7d"}
BEFORE = """per_listener_settings false
listener 1883 127.0.0.1
allow_anonymous false
password_file /etc/baiye/mosquitto.passwd
acl_file /etc/baiye/mosquitto.acl
"""


def settings(text):
    """What the broker's file sets: one (listener or None, name, value) a line."""
    found, listener = [], None
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "listener":
            listener = value
        if name and not name.startswith("#"):
            found.append((listener if name == "max_connections" else None, name, value))
    return found


def test_an_upgrade_brings_the_brokers_bounds_to_an_older_file(machine, deb):
    conf = "/etc/mosquitto/conf.d/baiye.conf"

    def upgrade(text):
        machine.run(f"printf %s {shlex.quote(text)} >{conf}")
        machine.run(f"dpkg -i --force-confold {deb}")
        return machine.run(f"cat {conf}")

    machine.run(f"dpkg -i --force-confold {deb}")
    fresh = machine.run(f"cat {conf}")
    assert BOUNDS.items() <= {name: value for _, name, value in settings(fresh)}.items()
    assert upgrade(fresh) == fresh

    # As an earlier version wrote it, with a listener of the operator's own, without a last newline.
    after = upgrade(BEFORE + "# mine\nlistener 8883\ncafile /etc/baiye/tls/ca.pem")
    assert "# mine\n" in after and "\ncafile /etc/baiye/tls/ca.pem\n" in after
    assert sorted(place for place, name, _ in settings(after) if name == "max_connections") == [
        "1883 127.0.0.1", "8883"]
    assert BOUNDS.items() <= {name: value for _, name, value in settings(after)}.items()
    assert upgrade(after) == after

    # What the operator has decided stands.
    after = upgrade(BEFORE + "max_packet_size 4096\n#memory_limit 1\n")
    assert [value for _, name, value in settings(after) if name == "max_packet_size"] == ["4096"]
    assert not [name for _, name, _ in settings(after) if name == "memory_limit"]
    left = machine.run("ls /etc/mosquitto/conf.d")
    assert left.split() == ["README", "baiye.conf"]
    machine.run("test -r /lib/systemd/system/mosquitto.service.d/baiye.conf")


def test_the_unit_is_hardened():
    done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                           PACKAGING / "baiyed.service"], capture_output=True, text=True)
    level = float(re.search(r"Overall exposure level.*?: ([0-9.]+)", done.stdout).group(1))
    assert level <= 2.0
