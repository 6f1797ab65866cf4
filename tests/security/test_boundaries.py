# SPDX-License-Identifier: Apache-2.0
"""Whoever takes over a process that talks to strangers (a publisher, the notifier, the screen) has its
connections and its keys and no more: it can't start programs, look into the daemon, read other
files, write any, or reach the control socket. What that comes to is shown by
tests/unit/common/test_boundary.c; here that the programs do it."""
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import garden
import ledscreen
from garden import wait_until
from test_notify import service, start as start_notifying, way  # noqa: F401

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


PARTS = "system calls, memory, files, ports"  # of a kernel from 6.7 on
STRANGER = 64123  # a user of no file and no other process
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def has_landlock():
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 4


def said_by(path):
    """A file of /proc; nothing where the process or the thread has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def child_of(gateway, option):
    tasks = pathlib.Path(f"/proc/{gateway.child.pid}/task")
    every = [int(pid) for task in tasks.iterdir() for pid in said_by(task / "children").split()]
    return next((pid for pid in every
                 if option.encode() in said_by(pathlib.Path(f"/proc/{pid}/cmdline"))), None)


def publisher_of(gateway):
    return child_of(gateway, "--publisher")


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_the_publisher_has_given_up_what_it_does_not_need(site, needs):
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    site.start_gateway()
    wait_until(lambda: site.watcher.count("air") >= 3, 30, "readings are published")
    pid = publisher_of(site.gateway)
    said = status(pid)
    assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", said
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    assert len(tasks) > 1, "Paho's threads are there"
    for task in tasks:
        assert "Seccomp:\t2" in (task / "status").read_text()
    # A core would hold its keys and password: none is written.
    dump = subprocess.run(["sh", "-c", f"kill -{int(signal.SIGSEGV)} {pid}"], check=False)
    assert dump.returncode == 0
    wait_until(lambda: publisher_of(site.gateway) not in (pid, None), 20, "it is started anew")
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 20, "and goes on")


def has_libcurl(pid):
    """And the thirty libraries that come with it."""
    return "/libcurl.so" in pathlib.Path(f"/proc/{pid}/maps").read_text()


def stats(site):
    told = subprocess.run([garden.program("baiye"), "stats", "--json", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=120)
    return json.loads(told.stdout) if told.returncode == 0 else None


def broker_of(site):
    """Once its process has said what it gave up."""
    told = stats(site)
    entry = told["brokers"][0] if told else {}
    return entry if entry.get("state") == "up" and entry["boundary"] != "nothing" else None


def assert_in_force(said, user=r"(other user|user namespace), "):
    assert re.match(rf"({user})?system calls, memory", said), said
    if os.geteuid() == 0 and user:
        assert said.startswith("other user, "), said
    if has_landlock():
        assert said.endswith(PARTS)


def test_what_is_in_force_stands_in_stats_and_log(site, needs):
    needs("baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_gateway()
    broker = wait_until(lambda: broker_of(site), 30, "the publisher has said so")
    said = re.findall(r"publish local: its process is bounded: (.*)", site.gateway.log())
    assert said == [broker["boundary"]]
    assert_in_force(broker["boundary"])


def test_a_password_that_was_replaced_is_read_by_a_process_begun_anew(site, needs):
    """As `baiye` and most editors replace a file: another one takes its name."""
    needs("baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    site.start_gateway()
    before = wait_until(lambda: broker_of(site), 30, "it is connected")["pid"]
    fresh = site.folder / "fresh.pass"
    fresh.write_text(site.broker.passwords["gateway"] + "\n")
    os.replace(fresh, site.broker.folder / "gateway.pass")
    site.broker.stop()
    site.broker.start()
    after = wait_until(lambda: broker_of(site), 60, "it is connected again")
    if has_landlock():
        assert after["pid"] != before and after["restarts"] == 1
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 30, "readings are published")


def test_the_notifier_gives_up_the_same_and_still_delivers(site, service, needs):
    needs("baiye-field", "baiyed")
    start_notifying(site, [way(site, service, "ntfy", "ntfy")])
    wait_until(lambda: service.texts("/"), 40, "somebody is told")
    said = status(child_of(site.gateway, "--notifier"))
    assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", said
    assert_in_force(re.findall(r"notify: its process is bounded: (.*)", site.gateway.log())[0])
    if os.geteuid() == 0:  # may look into them
        pids = [site.gateway.child.pid, publisher_of(site.gateway),
                child_of(site.gateway, "--notifier")]
        assert [has_libcurl(pid) for pid in pids] == [False, False, True]


@pytest.mark.parametrize("output", ["ddp", "png"])
def test_the_screen_gives_up_the_same_and_still_shows(site, needs, output):
    needs("baiye-led")
    broker = ledscreen.start_broker(site)
    picture = site.folder / "picture.png"
    panel = ledscreen.Receiver(128, 64)
    outputs = [{"type": "ddp", "to": f"127.0.0.1:{panel.port}"}]
    if output == "png":
        outputs = [{"type": "png", "file": str(picture)}]
    led = site.add(ledscreen.Led(site.folder, broker, outputs))
    led.start()
    try:
        if output == "ddp":
            panel.wait(lambda _: True, 20, "a picture")
        else:
            wait_until(picture.exists, 20, "a picture")
        said = status(led.child.pid)
        assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", said
        wait_until(lambda: "is bounded" in led.log(), 10, "it says so")
        assert_in_force(re.findall(r"the program is bounded: (.*)", led.log())[0], user="")
    finally:
        panel.stop()


class Manager:
    """The service manager's part: for each connection to the socket a process as another user."""

    def __init__(self, folder, user):
        self.path, self.log_path, self.user = folder / "child.sock", folder / "manager.log", user
        self.children, self.broken, self.takes_s = [], False, 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.path))
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def become(self, connection):
        os.dup2(connection.fileno(), 3)
        os.setgroups([])
        os.setresgid(self.user, self.user, self.user)
        os.setresuid(self.user, self.user, self.user)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, open(self.log_path, "ab") as log:
                if not self.broken:
                    time.sleep(self.takes_s)
                    self.children.append(subprocess.Popen(
                        [garden.program("baiyed"), "--child"], stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log, pass_fds=(3,), env={"PATH": "/usr/bin:/bin"},
                        preexec_fn=lambda: self.become(connection)))

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for child in self.children:
            child.kill()
            child.wait(120)


@pytest.fixture
def manager(tmp_path):
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(4)]  # 3 is the child's
    service_manager = Manager(tmp_path, STRANGER)
    yield service_manager
    service_manager.stop()
    for fd in held:
        os.close(fd)


def start_managed(site, manager):
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    site.gateway = garden.Gateway(site.folder, site.broker, site.buses("1s"))
    site.gateway.environment["BAIYED_CHILDREN"] = str(manager.path)
    site.gateway.start()


def uids(pid):
    return set(status(pid)["Uid"].split())


@root_only
def test_the_service_manager_starts_publishers_as_another_user(site, manager, needs):
    """They have the keys that only the daemon can read, and their words are in the daemon's log."""
    needs("baiye-field", "baiyed")
    start_managed(site, manager)
    wait_until(lambda: site.watcher.count("air") >= 3, 30, "readings are published")
    broker = wait_until(lambda: broker_of(site), 30, "the publisher has said what it gave up")
    assert broker["pid"] == manager.children[0].pid
    assert uids(broker["pid"]) == {str(STRANGER)} and status(broker["pid"])["Groups"].strip() == ""
    assert_in_force(broker["boundary"], user="other user, ")
    assert "publish local: its process is bounded: other user" in site.gateway.log()
    assert manager.log_path.read_text() == ""
    assert publisher_of(site.gateway) is None, "none is started besides"


@root_only
def test_a_publisher_of_another_user_ends_with_the_daemon_and_is_begun_anew(site, manager, needs):
    needs("baiye-field", "baiyed")
    start_managed(site, manager)
    wait_until(lambda: site.watcher.count("air") >= 1, 30, "readings are published")
    manager.children[0].kill()
    wait_until(lambda: len(manager.children) >= 2, 20, "another one is started")
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 30, "it publishes: its connection stands")
    fresh = site.folder / "fresh.pass"
    fresh.write_text(site.broker.passwords["gateway"] + "\n")
    os.replace(fresh, site.broker.folder / "gateway.pass")
    site.broker.stop()
    wait_until(lambda: len(manager.children) >= 3, 20, "one with the new password is started")
    assert "a key has changed" in site.gateway.log()
    site.broker.start()
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 30, "readings are published")
    wait_until(lambda: site.watcher.retained.get("gateway/status") == b"online", 20,
               "it is there")
    site.gateway.signal(signal.SIGTERM)
    wait_until(lambda: all(child.poll() is not None for child in manager.children), 10,
               "all have ended by themselves")
    wait_until(lambda: site.watcher.retained.get("gateway/status") == b"offline", 10,
               "it said goodbye")


@root_only
def test_one_that_the_service_manager_does_not_start_is_started_by_the_daemon(site, manager, needs):
    needs("baiye-field", "baiyed")
    manager.broken = True
    start_managed(site, manager)
    wait_until(lambda: site.watcher.count("air") >= 1, 30, "readings are published")
    assert "the service manager starts no process for us" in site.gateway.log()
    assert publisher_of(site.gateway)
    manager.broken = False
    wait_until(lambda: manager.children and publisher_of(site.gateway) is None, 90,
               "it is tried again, or the publisher would be no other user for years")
    count = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > count, 30, "readings are published")
    broker = wait_until(lambda: broker_of(site), 30, "it has said what it gave up")
    assert uids(broker["pid"]) == {str(STRANGER)}


@root_only
def test_a_small_machine_at_its_boot_takes_its_time_to_start_it(site, manager, needs):
    needs("baiye-field", "baiyed")
    manager.takes_s = 12
    start_managed(site, manager)
    wait_until(lambda: site.watcher.count("air") >= 1, 60, "readings are published")
    assert "starts no process for us" not in site.gateway.log()


@root_only
def test_whoever_is_the_publisher_can_do_nothing_to_the_daemon(site, needs):
    """By the kernel's own rules: here without any of the bounds that the process has besides."""
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field(PROBES)
    site.start_gateway()
    wait_until(lambda: broker_of(site), 30, "the publisher is there")
    mine, = uids(publisher_of(site.gateway))
    daemon = site.gateway.child.pid
    assert mine not in uids(daemon)
    intruder = f"""
import ctypes, os, socket
def refused(act, *arguments):
    try:
        act(*arguments)
    except OSError:
        return
    raise SystemExit(f"{{act.__name__}} {{arguments}} is possible")
for signal in (0, 9, 15, 19):
    refused(os.kill, {daemon}, signal)
for name in ("mem", "environ", "maps", "auxv", "syscall"):
    refused(open, f"/proc/{daemon}/{{name}}", "rb")
refused(os.listdir, "/proc/{daemon}/fd")
refused(open, "/proc/{daemon}/mem", "r+b")
for path in ("{site.folder}/readings.db", "{site.broker.password_file('gateway')}"):
    refused(open, path, "rb")
    refused(open, path, "r+b")
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(16, {daemon}, 0, 0) == -1, "PTRACE_ATTACH"
pidfd = os.pidfd_open({daemon})
assert libc.syscall(438, pidfd, 3, 0) == -1, "pidfd_getfd"
assert libc.prlimit({daemon}, 7, ctypes.byref((ctypes.c_ulong * 2)(0, 0)), None) == -1
refused(os.setpriority, os.PRIO_PROCESS, {daemon}, 19)
control = socket.socket(socket.AF_UNIX)
try:
    control.connect("{site.folder}/baiyed.sock")
    control.sendall(b'{{"method":"stats","id":1}}\\n')
    control.settimeout(5)
    assert not control.recv(100), "the control socket answers"
except OSError:
    pass
print("nothing")
"""
    done = subprocess.run(["setpriv", f"--reuid={mine}", f"--regid={mine}", "--clear-groups",
                           "/usr/bin/python3", "-c", intruder], capture_output=True, text=True,
                          timeout=120, cwd="/")
    assert done.stdout == "nothing\n", done.stdout + done.stderr
    assert site.gateway.running()
