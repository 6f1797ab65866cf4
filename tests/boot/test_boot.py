# SPDX-License-Identifier: Apache-2.0
"""The life of the package on a machine that boots: Debian's own kernel, systemd as PID 1, the units
as they are shipped. One machine for all, in this order; what is a line or an adapter to it is the
simulated field on the host. BAIYE_BOOT: release-architecture, bookworm-amd64 unless given."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import garden
from vm import Machine

HERE = pathlib.Path(__file__).resolve().parent
RELEASE, ARCH = os.environ.get("BAIYE_BOOT", "bookworm-amd64").split("-")
HOST = "10.0.2.2"  # how QEMU's user network calls it
# The processor's own UART leaves the direction of RS-485 to the kernel, a PCI card can't. QEMU's knows
# no rate: its line is at that of the host's device.
RS485, UART_BAUD = ("kernel", 115200) if ARCH == "arm64" else ("adapter", 9600)
LINES = [{"name": "remote", "type": "tcp", "units": [{"kind": "xy-md02", "address": 1}]},
         {"name": "uart", "baud": UART_BAUD, "units": [{"kind": "rs-ws-n01-tr", "address": 1}]},
         {"name": "adapter", "baud": 9600, "units": [{"kind": "zts-3001", "address": 7}]}]
CONFIG = """
site: garden
location: {{ lat: 26.5, lon: 107.9, timezone: Asia/Shanghai }}
store: {{ path: /var/lib/baiye/readings.db, max_size: 64MB }}
http: {{ listen: 127.0.0.1:8080, app_dir: /usr/share/baiye/app }}
mqtt:
  - {{ name: local, url: mqtt://127.0.0.1:1883, user: gateway, password_file: gw.pass }}
notify:
  - {{ name: phone, sms: {{ numbers: ["+8613800138000"] }} }}
buses:
  - name: remote
    type: tcp
    port: {host}:{port}
    response: 2s
    devices:
      - {{ name: air, profile: xy-md02, address: 1, every: {every} }}
  - name: uart
    port: {uart}
    baud: {baud}
    rs485: {rs485}
    response: 2s
    devices:
      - {{ name: soil, profile: rs-ws-n01-tr, address: 1, every: 2s }}
  - name: adapter
    port: {adapter}
    response: 2s
    devices:
      - {{ name: seven, profile: zts-3001-7in1, address: 7, every: 2s }}
"""
SCREEN = """
site: garden
farm: 白叶茶园
language: zh
screen: { width: 128, height: 64 }
mqtt: { url: "mqtt://127.0.0.1:1883", user: led, password_file: led.pass }
pages: pages.yaml
outputs: [ { type: ddp, to: 127.0.0.1 } ]
"""
PAGES = "pages: [ { name: air, values: [ dev/air/air_temperature ] } ]\n"
# The broker's two files the gateway writes itself.
SUMS = "find /etc/baiye -type f ! -name 'mosquitto.*' | sort | xargs sha256sum"
# What a machine writes by itself while it runs, in no package's name.
RESTLESS = ("/tmp/systemd-private-[0-9a-f]+-[^b][^/]*|/var/log|/var/cache|"
            "/var/lib/(dpkg|apt|systemd|mosquitto|private|logrotate)|/var/tmp|/root|/var/spool")


def older(package, folder):
    """The same package as one of an earlier version: with the files as it had them, an upgrade puts
    all of them in place anew."""
    tree = folder / "older"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", "Version: 0.0.1", control.read_text(), flags=re.M))
    made = folder / "baiye-older.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made


def packages_of(package):
    """What it depends on and recommends, with commas: Debian's image has it before it comes."""
    fields = subprocess.run(["dpkg-deb", "-f", package, "Depends", "Recommends"], check=True,
                            capture_output=True, text=True).stdout
    names = re.sub(r"^\w+: ", "", fields, flags=re.M).replace("\n", ",").split(",")
    return ",".join(sorted({re.split(r"[ |(]", name.strip())[0] for name in names if name.strip()}))


@pytest.fixture(scope="module")
def folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="baiye-boot-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def field(folder):
    made = garden.Field(folder, {"lines": LINES})
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def vm(folder, field):
    found = list((garden.ROOT / "build/packages" / RELEASE).glob(f"baiye_*_{ARCH}.deb"))
    assert len(found) == 1, f"tools/package --release {RELEASE} {ARCH} makes the package"
    image = garden.ROOT / "build/boot" / f"{RELEASE}-{ARCH}"
    subprocess.run([HERE / "image", image, RELEASE, ARCH, packages_of(found[0])], check=True)
    payload = folder / "payload.tar"
    shutil.copy(found[0], folder / "baiye.deb")
    older(found[0], folder)
    subprocess.run(["tar", "-cf", payload, "-C", HERE, "agent",
                    "-C", folder, "baiye.deb", "baiye-older.deb"], check=True)
    machine = Machine(ARCH, image, folder, payload, field.port("uart"))
    try:
        machine.boot()
        yield machine
    finally:
        machine.close()
        (garden.BUILD / "log").mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "console.log", garden.BUILD / "log" / f"boot-{RELEASE}-{ARCH}-console.log")


def show(vm, unit, *names):
    """Properties of a unit as systemd gives them."""
    text = vm.check(f"systemctl show {unit} " + " ".join(f"-p {name}" for name in names))
    found = dict(line.split("=", 1) for line in text.splitlines())
    return found[names[0]] if len(names) == 1 else found


def write(vm, path, text, owner="root:baiye", mode="0640"):
    """The operator's editor."""
    vm.check(f"cat >{path} <<'THE END'\n{text}THE END\nchown {owner} {path}; chmod {mode} {path}")


def uart(vm):
    """The board's own serial port that the line hangs on."""
    if vm.arch == "arm64":
        return "ttyAMA0"
    return vm.check("for port in /sys/class/tty/ttyS*; do case $(readlink -f $port/device) in "
                    "*/pci*/tty*|*serial8250*|*/pnp*) ;; */pci*) basename $port; esac; done")


def configure(vm, field, every="2s", rs485=RS485, adapter="/dev/ttyUSB0"):
    write(vm, "/etc/baiye/baiye.yaml", CONFIG.format(
        host=HOST, port=field.port("remote").split(":")[1], uart=f"/dev/{uart(vm)}", every=every,
        baud=UART_BAUD, rs485=rs485, adapter=adapter))


def listen(vm, topic, seconds=300):
    """A message there that the broker had. It judges one login after the other, and a person's password
    takes an emulated machine seconds: who gives up before his turn has it judge for nobody, and again."""
    vm.wait(f"timeout 120 mosquitto_sub -h 127.0.0.1 -u li -P '{vm.password}' -t baiye/garden/{topic} -C 1", seconds)


def wait_readings(vm, device, seconds=300):
    """A reading of this device that the broker had and that is newer than now."""
    listen(vm, f"dev/{device}/live -R", seconds)


def wait_ready(vm, seconds=300):
    vm.wait(f"curl -sf -u 'li:{vm.password}' http://127.0.0.1:8080/ready", seconds)


def children(vm):
    """The user of each process that is a service of baiye-child@, by its process id."""
    units = vm.check("systemctl list-units --plain --no-legend --state=active 'baiye-child@*'")
    pids = [show(vm, line.split()[0], "MainPID") for line in units.splitlines()]
    return {pid: vm.check(f"ps -o user:20= -p {pid}").strip() for pid in pids}


def files(vm):
    return set(vm.check(f"find / -xdev | grep -vE '^({RESTLESS})(/|$)' | sort; "
                        "find /run | grep baiye; true").splitlines())


def test_debians_own_kernel_and_systemd_are_up(vm):
    assert vm.check("cat /proc/1/comm") == "systemd"
    assert vm.check("cat /proc/version").count("Debian") > 0
    assert vm.check("dpkg --print-architecture") == ARCH
    vm.wait("systemctl is-system-running; systemctl --failed --plain --no-legend | grep . && exit 1; "
            "systemctl is-system-running --quiet")
    vm.files_before = files(vm)


def test_installed_its_units_are_up_before_anything_is_configured(vm):
    vm.check("tar -C /root -xf /dev/vdb && dpkg -i /root/baiye-older.deb")
    for unit in ("baiyed.service", "baiye-child.socket", "baiye-password.socket",
                 "baiye-cert.timer", "mosquitto.service"):
        assert vm.run(f"systemctl is-active {unit}") == (0, "active"), unit
        assert show(vm, unit, "UnitFileState") == "enabled", unit
    assert show(vm, "baiyed", "NRestarts") == "0"
    assert vm.check("systemctl --failed --plain --no-legend") == ""
    assert vm.check("systemd-analyze verify --man=no baiyed.service baiye-child@1.service baiye-led.service "
                    "baiye-cert.service baiye-clock.service baiye-password@1.service baiye-upgrade.service "
                    "baiye-upgrade.path baiye-upgrade.timer 2>&1 | "
                    "grep -i baiye; true") == ""


def test_after_a_boot_it_polls_a_line_over_tcp_and_the_boards_own_uart(vm, field):
    configure(vm, field)
    vm.check("baiye check")
    vm.password = re.search(r"password: *(\S+)", vm.check("baiye user add li --role technician"))[1]
    vm.reboot()
    # Nothing sets the clock here: the boot is finished all the same.
    vm.wait("test $(systemctl is-system-running) = running")
    assert vm.check("systemctl is-active baiyed baiye-clock") == "active\nactive"
    wait_readings(vm, "air")
    wait_readings(vm, "soil")
    assert vm.check("systemctl --failed --plain --no-legend") == ""
    assert show(vm, "baiyed", "NRestarts") == "0"


def rs485_flags(vm):
    """Of the port's driver (TIOCGRS485); 1: it switches the direction; 2: RTS is on while sending."""
    return int(vm.check(f"perl -e 'open(my $port, \"+<\", \"/dev/{uart(vm)}\") or die; my $set = \"\\0\" x 32; "
                        "ioctl($port, 0x542E, $set) or die $!; print unpack(\"L\", $set)'"))


def test_the_kernel_switches_the_direction_where_it_can_and_says_where_not(vm, field):
    if RS485 == "kernel":
        assert rs485_flags(vm) == 3
        return
    configure(vm, field, rs485="kernel")
    vm.check("systemctl reload baiyed")
    vm.wait("journalctl -u baiyed -o cat | grep \"can't switch the direction of RS-485 (rs485: kernel)\"")
    for language, words in (("C.UTF-8", "can't switch the direction"), ("zh_CN.UTF-8", "不会切换 RS-485 收发方向")):
        status, said = vm.run(f"LANG={language} baiye check")
        assert status == 1 and words in said, said
    configure(vm, field)
    vm.check("systemctl reload baiyed")
    wait_readings(vm, "soil")


def test_an_adapter_plugged_in_later_is_polled(vm, field):
    """Its kind of device must have been known when the service started."""
    assert vm.run("ls /dev/ttyUSB0")[0] != 0
    pid = show(vm, "baiyed", "MainPID")
    vm.plug_adapter("adapter", field.port("adapter"))
    wait_readings(vm, "seven")
    assert show(vm, "baiyed", "MainPID") == pid


def test_an_adapter_pulled_out_and_plugged_in_again_is_polled(vm, field):
    vm.unplug("adapter")
    vm.wait("! ls /dev/ttyUSB0")
    vm.plug_adapter("again", field.port("adapter"))
    wait_readings(vm, "seven")


def test_an_adapter_is_quick_and_hidden_from_the_modems_manager(vm):
    assert "ID_MM_PORT_IGNORE=1" in vm.check("udevadm info /dev/ttyUSB0 -q property")
    assert vm.check("cat /sys/bus/usb-serial/devices/ttyUSB0/latency_timer") == "1"


def test_a_port_of_a_kind_that_the_unit_leaves_out_is_told_with_the_line_to_add(vm, field):
    """A console of the hypervisor stands for a port whose maker has given it a name of its own."""
    vm.check("chmod 666 /dev/hvc0")
    configure(vm, field, adapter="/dev/hvc0")
    vm.check("systemctl reload baiyed")
    here = "journalctl -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID baiyed)"
    told = vm.wait(f"{here} | grep 'bus adapter: /dev/hvc0 can.t be opened' | grep -o 'DeviceAllow=[^,]*'")
    assert set(told.splitlines()) == {"DeviceAllow=char-hvc rw"}
    assert " hvc\n" in vm.check("cat /proc/devices")
    folder = "/etc/systemd/system/baiyed.service.d"
    vm.check(f"mkdir {folder} && printf '[Service]\\nDeviceAllow=char-hvc rw\\n' >{folder}/port.conf && "
             "systemctl daemon-reload && systemctl restart baiyed")
    wait_readings(vm, "air")
    vm.wait(f"{here} | grep 'bus adapter: /dev/hvc0 is open'")
    configure(vm, field)
    vm.check(f"rm -r {folder} && systemctl daemon-reload && systemctl restart baiyed")
    wait_readings(vm, "seven")


def test_it_is_ready(vm):
    wait_ready(vm)


def test_publisher_and_notifier_are_another_users_and_started_by_the_socket(vm):
    """Both are services of their own, and see nothing of the daemon."""
    vm.run("baiye alert test phone")  # the notifier is started for its first message
    vm.wait("systemctl list-units --plain --no-legend --state=active 'baiye-child@*' | "
            "tee /dev/stderr | wc -l | grep -qx 2")
    found = children(vm)
    assert sorted(found.values()) == ["baiye-child"] * 2
    daemon = show(vm, "baiyed", "MainPID")
    assert vm.check(f"ps -o user:20= -p {daemon}").strip() == "baiye"
    assert vm.check(f"pgrep -P {daemon}; true") == ""  # none of its own
    for pid in found:
        status = dict(line.split(":", 1) for line in
                      vm.check(f"cat /proc/{pid}/status").splitlines() if ":" in line)
        assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1"
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert status["Groups"].split() == [vm.check("id -g baiye-child")], "no group but its own"
    # Another process of that user may look neither into the daemon nor into its files.
    child = "setpriv --reuid baiye-child --regid baiye-child --clear-groups"
    for what in (f"cat /proc/{daemon}/environ", "ls /var/lib/baiye", "cat /etc/baiye/baiye.yaml",
                 "cat /etc/baiye/gw.pass", "baiye stats", "cat /etc/baiye/mosquitto.passwd"):
        status, said = vm.run(f"{child} {what}")
        assert status != 0 and "enied" in said, f"{what}: {said}"


def test_who_is_not_the_daemon_has_no_child_started(vm):
    assert vm.check("stat -c '%U %a' /run/baiye-child.sock") == "baiye 600"
    for user in ("baiye-child", "baiye-led", "nobody"):
        said = vm.run(f"setpriv --reuid {user} --regid nogroup --clear-groups perl -MSocket -e "
                      "'socket(S, AF_UNIX, SOCK_SEQPACKET, 0); "
                      "connect(S, sockaddr_un(\"/run/baiye-child.sock\")) or die \"$!\\n\"'")
        assert said[0] != 0 and "ermission denied" in said[1], f"{user}: {said}"


def test_a_publisher_that_dies_is_started_anew(vm):
    before = children(vm)
    for pid in before:
        vm.check(f"kill -9 {pid}")
    wait_readings(vm, "air")
    assert not set(children(vm)) & set(before)


def test_the_notifier_reaches_the_modems_manager(vm):
    """There is no modem; that it says so and not that it may not ask is the proof."""
    vm.wait("baiye alert test phone 2>&1 | tee /dev/stderr | grep 'no modem'")


def test_only_the_gateway_may_send_text_messages(vm):
    ask = ("setpriv --reuid {0} --regid {0} --clear-groups sh -c 'sleep 100 & "
           "pkcheck --action-id org.freedesktop.ModemManager1.Messaging --process $!; "
           "echo rc $?; kill $!' 2>&1")
    assert "rc 0" in vm.check(ask.format("baiye-child"))
    for user in ("baiye-led", "mosquitto"):
        assert "rc 0" not in vm.check(ask.format(user)), user
    other = ask.replace("Messaging", "Device.Control")
    assert "rc 0" not in vm.check(other.format("baiye-child"))


def test_the_screen_runs_as_a_user_of_its_own(vm):
    vm.check("baiye user add led --role screen | sed -n 's/.*password: *//p' >/etc/baiye/led.pass")
    write(vm, "/etc/baiye/led.yaml", SCREEN, "root:baiye-led")
    write(vm, "/etc/baiye/pages.yaml", PAGES, "root:baiye-led")
    vm.check("chown root:baiye-led /etc/baiye/led.pass; chmod 640 /etc/baiye/led.pass")
    vm.check("systemctl enable --now baiye-led")
    pid = show(vm, "baiye-led", "MainPID")
    assert vm.check(f"ps -o user:20= -p {pid}").strip() == "baiye-led"
    listen(vm, "led/preview")
    assert show(vm, "baiye-led", "NRestarts") == "0"


def test_the_broker_is_never_root_and_comes_back(vm):
    vm.check("systemctl restart mosquitto")
    assert show(vm, "mosquitto", "DropInPaths").endswith("/baiye.conf")
    pid = show(vm, "mosquitto", "MainPID")
    assert vm.check(f"ps -o user:20= -p {pid}").strip() == "mosquitto"
    wait_readings(vm, "air")


@pytest.mark.parametrize("unit, most", [
    ("baiyed.service", 1.6), ("baiye-led.service", 1.6), ("baiye-clock.service", 1.6),
    ("baiye-cert.service", 1.6), ("baiye-child@*", 1.6), ("mosquitto.service", 3.0)])
def test_the_exposure_of_what_runs_is_low(vm, unit, most):
    if "*" in unit:
        unit = vm.check(f"systemctl list-units --plain --no-legend '{unit}'").split()[0]
    said = vm.check(f"systemd-analyze security --no-pager {unit}")
    assert float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1]) <= most


def test_reload_takes_a_good_file_and_answers(vm, field):
    pid = show(vm, "baiyed", "MainPID")
    configure(vm, field, every="3s")
    vm.check("systemctl reload baiyed")
    assert json.loads(vm.check("baiye devices --json"))["devices"][0]["every_s"] == 3
    assert show(vm, "baiyed", "MainPID") == pid
    wait_readings(vm, "air")


def test_reload_of_a_bad_file_fails_and_the_service_goes_on(vm, field):
    pid = show(vm, "baiyed", "MainPID")
    write(vm, "/etc/baiye/baiye.yaml", "site: garden\nbuses: nothing\n")
    status, said = vm.run("systemctl reload baiyed")
    assert status != 0, said
    assert vm.run("systemctl is-active baiyed") == (0, "active")
    assert show(vm, "baiyed", "MainPID") == pid
    assert "baiye.yaml:2" in vm.check("journalctl -u baiyed -n 20 -o cat")
    configure(vm, field)
    vm.check("systemctl reload baiyed")
    wait_readings(vm, "air")


def test_with_a_wrong_file_it_starts_by_the_last_good_one(vm, field):
    write(vm, "/etc/baiye/baiye.yaml", "site: garden\nbuses: nothing\n")
    vm.check("systemctl restart baiyed")
    assert show(vm, "baiyed", "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    assert "the last good configuration is used instead" in vm.check(
        "journalctl -u baiyed -n 40 -o cat")
    assert "can't be kept" not in vm.check("journalctl -u baiyed -o cat")
    configure(vm, field)
    vm.check("systemctl reload baiyed")
    wait_readings(vm, "air")


def test_killed_it_is_started_again(vm):
    pid, before = show(vm, "baiyed", "MainPID"), children(vm)
    vm.check(f"kill -9 {pid}")
    vm.wait(f"systemctl is-active baiyed && test $(systemctl show -P MainPID baiyed) != {pid}")
    assert show(vm, "baiyed", "NRestarts") == "1"
    wait_ready(vm)
    assert not set(children(vm)) & set(before)


def test_hanging_it_is_killed_by_the_watchdog_and_started_again(vm):
    pid = show(vm, "baiyed", "MainPID")
    vm.check(f"kill -STOP {pid}")
    vm.wait(f"systemctl is-active baiyed && ! test $(systemctl show -P MainPID baiyed) = {pid} && "
            "test $(systemctl show -P MainPID baiyed) != 0", 300)
    assert "Watchdog timeout" in vm.check("journalctl -u baiyed -o cat")
    assert show(vm, "baiyed", "NRestarts") == "2"
    wait_ready(vm)


def test_a_hanging_screen_is_restarted(vm):
    pid = show(vm, "baiye-led", "MainPID")
    vm.check(f"kill -STOP {pid}")
    vm.wait(f"systemctl is-active baiye-led && test $(systemctl show -P MainPID baiye-led) != {pid}", 300)


def test_a_password_is_changed_by_the_password_socket(vm):
    changed = "steep-hill-oolong-9"
    said = vm.check(f"printf 'li\\n{vm.password}\\n{changed}\\n' | timeout 60 "
                    "setpriv --reuid baiye --regid baiye --clear-groups perl -MIO::Socket::UNIX -e '"
                    "$s = IO::Socket::UNIX->new(Peer => \"/run/baiye-password.sock\") or die $!; "
                    "print $s $_ while <STDIN>; $s->flush; shutdown($s, 1); print while <$s>'")
    assert "ok" in said, said
    vm.password = changed
    wait_ready(vm)


def test_the_certificates_timer_renews_in_its_sandbox(vm):
    vm.check("baiye cert --host 127.0.0.1 && systemctl start baiye-cert.service")
    assert show(vm, "baiye-cert", "Result") == "success"


def test_an_upgrade_keeps_all_and_runs_the_new_programs(vm):
    vm.check("systemctl disable --now baiye-password.socket")
    config = vm.check(SUMS)
    pids = [show(vm, unit, "MainPID") for unit in ("baiyed", "baiye-led")]
    vm.check("dpkg -i /root/baiye.deb")
    assert vm.check(SUMS) == config
    assert show(vm, "baiye-password.socket", "UnitFileState", "ActiveState") == {
        "UnitFileState": "disabled", "ActiveState": "inactive"}
    wait_ready(vm)
    wait_readings(vm, "air")
    for unit, pid in zip(("baiyed", "baiye-led"), pids):
        assert show(vm, unit, "ActiveState") == "active"
        assert show(vm, unit, "MainPID") != pid, f"{unit} is still the old program"
    old = vm.check("ls -l /proc/[0-9]*/exe 2>/dev/null | grep 'baiye.*(deleted)'; true")
    assert old == ""
    assert vm.check("systemctl --failed --plain --no-legend") == ""


def test_removed_it_stops_and_the_files_of_the_farm_stay(vm):
    vm.check("systemctl enable --now baiye-password.socket && dpkg --remove baiye")
    assert vm.check("pgrep -l baiye; true") == ""
    assert vm.check("ls /etc/baiye/baiye.yaml /var/lib/baiye/readings.db")
    assert vm.check("systemctl is-active mosquitto") == "active"
    assert vm.check("systemctl list-units --all --state=active,failed,activating --plain "
                    "--no-legend 'baiye*'") == ""


def test_purged_it_leaves_nothing(vm):
    vm.check("dpkg --purge baiye")
    left = sorted(files(vm) - vm.files_before)
    assert [name for name in left if "__pycache__" not in name] == []
    assert vm.check("grep -E '^baiye' /etc/passwd /etc/group /etc/shadow /etc/gshadow; true") == ""
    assert vm.check("systemctl list-unit-files --no-legend 'baiye*'; true") == ""
    assert vm.check("systemctl --failed --plain --no-legend") == ""
    # The broker is Debian's own again.
    assert show(vm, "mosquitto", "ActiveState", "DropInPaths") == {
        "ActiveState": "active", "DropInPaths": ""}


def test_it_can_be_installed_again_after_a_purge(vm):
    vm.check("dpkg -i /root/baiye.deb")
    assert vm.run("systemctl is-active baiyed") == (0, "active")
    assert vm.check("systemctl --failed --plain --no-legend") == ""
