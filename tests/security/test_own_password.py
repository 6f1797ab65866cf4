# SPDX-License-Identifier: Apache-2.0
"""A user changes the own password by the present one, and a technician other users by his, through
the gateway; and nothing else can be had that way. systemd's part is played by systemd-socket-activate, with the packaged unit's command."""
import json
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import garden
from sites import needs, site  # noqa: F401
from test_cli import baiye

UNIT = (pathlib.Path(__file__).resolve().parents[2] /
        "gateway/packaging/baiye-password@.service").read_text()
OLD, NEW = "steep-hill-oolong-9", "a new word, 茶!"


class Activated:
    """baiye-password.socket and its service."""

    def __init__(self, folder, config):
        self.path, self.log = folder / "password.sock", folder / "password.log"
        command = re.search(r"^ExecStart=/usr/bin/baiye (.*)$", UNIT, re.M).group(1).split()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["systemd-socket-activate", "--accept", "--inetd", "-l", self.path,
                 str(garden.program("baiye")), *command, "--config", config], stderr=log, stdout=log)
        garden.wait_until(lambda: garden.listens(self.path), 10, "the socket is there")

    def ask(self, question):
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(30)
            talk.connect(str(self.path))
            talk.sendall(question.encode())
            talk.shutdown(socket.SHUT_WR)
            answer = b""
            while more := talk.recv(4096):
                answer += more
        return answer.decode().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(120)


class Phone:
    def __init__(self, port, user, password):
        self.code, self.answers = None, {}
        self.user, self.came, self.gateway = user, threading.Condition(), ""
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.username_pw_set(user, password)
        self.client.on_connect = self.connected
        self.client.on_message = self.message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        garden.wait_until(lambda: self.code is not None, 10, "the broker answers")

    def connected(self, client, _data, _flags, code, _properties=None):
        client.subscribe(f"baiye/{garden.SITE}/answer/{self.user}/#", qos=1)
        client.subscribe(f"baiye/{garden.SITE}/gateway/status", qos=1)
        self.code = int(code.value if hasattr(code, "value") else code)

    def message(self, _client, _data, message):
        if message.topic.endswith("/gateway/status"):
            self.gateway = message.payload.decode()
            return
        with self.came:
            self.answers[message.properties.CorrelationData] = json.loads(message.payload)
            self.came.notify_all()

    def ask(self, method, params):
        mine, properties = secrets.token_bytes(8), Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"baiye/{garden.SITE}/answer/{self.user}/1"
        properties.CorrelationData = mine
        self.client.publish(f"baiye/{garden.SITE}/rpc/{self.user}/{method}", json.dumps(params),
                            qos=1, properties=properties)
        with self.came:
            assert self.came.wait_for(lambda: mine in self.answers, 30), "no answer"
            return self.answers[mine]

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def farm(site, needs):  # noqa: F811
    """A gateway whose broker has what `baiye user` wrote, and the socket."""
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    folder, port = site.folder, site.broker.port
    socket_path = folder / "password.sock"
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}])
    (folder / "users").write_text("")
    site.gateway = garden.Gateway(folder, site.broker, site.buses("1s"), control={
        "socket": str(folder / "baiyed.sock"), "password_socket": str(socket_path)})
    config = site.gateway.config_path
    baiye("user", "init", "--config", config)
    for name, role in (("li", "farmer"), ("wang", "technician")):
        baiye("user", "add", name, "--role", role, "--password-file", "-", "--config", config,
              stdin=f"{OLD}\n")
    site.broker.stop()
    (folder / "mosquitto.conf").write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\n"
        f"password_file {folder}/mosquitto.passwd\nacl_file {folder}/mosquitto.acl\n")
    site.broker.start()
    activated = Activated(folder, config)
    site.gateway.start()
    yield site, activated
    activated.stop()


def logs_in(port, user, password):
    phone = Phone(port, user, password)
    phone.stop()
    return phone.code == 0


def test_a_user_changes_the_own_password_by_the_present_one(farm):
    site, _ = farm  # noqa: F811
    port = site.broker.port
    phone = Phone(port, "li", OLD)
    garden.wait_until(lambda: phone.gateway == "online", 20, "the gateway is there")
    before = (site.folder / "mosquitto.passwd").read_text()

    assert phone.ask("passwd", {"old": "not-it-at-all-1", "new": NEW})["error"]["code"] == "wrong-password"
    refused = phone.ask("passwd", {"old": OLD, "new": "password1"})["error"]
    assert refused["code"] == "unfit" and "can't be taken" in refused["message"]
    assert phone.ask("passwd", {"old": OLD, "new": OLD})["error"]["code"] == "unfit"
    assert phone.ask("passwd", {"old": OLD})["error"]["code"] == "invalid"
    assert phone.ask("passwd", {"old": f"{OLD}\n{OLD}", "new": NEW})["error"]["code"] == "invalid"
    assert (site.folder / "mosquitto.passwd").read_text() == before

    assert "error" not in phone.ask("passwd", {"old": OLD, "new": NEW})
    phone.stop()
    after = (site.folder / "mosquitto.passwd").read_text()
    assert [line for line in after.splitlines() if not line.startswith("li:")] == [
        line for line in before.splitlines() if not line.startswith("li:")]
    site.broker.signal(signal.SIGHUP)  # systemd would
    garden.wait_until(lambda: logs_in(port, "li", NEW), 10, "the new one is good")
    assert not logs_in(port, "li", OLD) and logs_in(port, "wang", OLD)

    # Who did it is written down, and neither password is, nor when the method's name is mistyped.
    other = Phone(port, "wang", OLD)
    assert other.ask("passwrd", {"old": OLD, "new": NEW})["error"]["code"] == "unknown-method"
    other.stop()
    audit = baiye("audit", "50", "--json", "--socket", site.folder / "baiyed.sock").stdout
    rows = [row for row in json.loads(audit)["audits"] if row["method"] == "passwd"]
    assert any(row["user"] == "li" and row["result"] == "ok" for row in rows), rows
    assert any("wrong" in row["result"] for row in rows), rows
    whole = audit + site.gateway.log() + (site.folder / "password.log").read_text()
    assert not any(word in whole for word in (OLD, NEW, "not-it-at-all-1"))
    assert not any(word.encode() in path.read_bytes() for path in site.folder.glob("readings.db*")
                   for word in (OLD, NEW))


def test_the_socket_gives_nobody_else_a_password(farm):
    """As who took the daemon over would ask."""
    site, activated = farm  # noqa: F811
    before = {name: (site.folder / name).read_text() for name in ("users", "mosquitto.passwd",
                                                                  "mosquitto.acl")}
    gateway = (site.folder / site.broker.password_file("gateway").name).read_text().strip()
    for question in (f"gateway\n{gateway}\n{NEW}\n",  # the daemon's own account
                     f"li\nwrong-one-12\n{NEW}\n", f"root\n{OLD}\n{NEW}\n",
                     f"li:x\n{OLD}\n{NEW}\n", f"../li\n{OLD}\n{NEW}\n", f"li\n\n{NEW}\n"):
        began = time.monotonic()
        assert activated.ask(question) == "wrong", question
        assert time.monotonic() - began >= 2  # nobody guesses fast
    for question in ("", "li\n", f"li\n{OLD}\n", "x" * 200, f"li\n{'y' * 200}\n{NEW}\n"):
        assert activated.ask(question) == "failed", question
    for bad in ("short", "password1", f"{NEW}\x7f"):
        assert activated.ask(f"li\n{OLD}\n{bad}\n").startswith("refused: "), bad
    assert {name: (site.folder / name).read_text() for name in before} == before


def test_a_technician_adds_changes_and_removes_users_by_his_password(farm):
    site, _ = farm  # noqa: F811
    port, folder = site.broker.port, site.folder
    phone = Phone(port, "wang", OLD)
    garden.wait_until(lambda: phone.gateway == "online", 120, "the gateway is there")
    once = "9f3a61c07be2d4185a6e0c73"

    def change(name, role, more=None, password=OLD):
        return phone.ask("user_change", {"name": name, "role": role, "password": password, **(more or {})}
                         ).get("error", {}).get("code", "ok")

    assert phone.ask("users", {})["users"] == [
        {"name": "li", "role": "farmer"}, {"name": "wang", "role": "technician"}]
    assert change("zhao", "farmer", {"new": once}, "not-it-at-all-1") == "wrong-password"
    assert change("zhao", "farmer") == "unfit"  # who is new needs a password
    assert change("zhao", "none") == "unfit"
    assert change("zhao", "king", {"new": once}) == "unfit"
    assert change("zhao", "farmer", {"new": "password1"}) == "unfit"
    assert change("wang", "none") == "unfit"  # nobody locks himself out
    assert change("gateway", "farmer", {"new": once}) == "unfit"
    for name in ("Zhao", "a b", "", "../li"):
        assert change(name, "farmer", {"new": once}) == "invalid", name
    assert (folder / "users").read_text() == "li farmer\nwang technician\n"

    assert change("zhao", "farmer", {"new": once}) == "ok"
    assert change("li", "technician") == "ok"  # the password stays
    assert [(u["name"], u["role"]) for u in phone.ask("users", {})["users"]] == [
        ("wang", "technician"), ("zhao", "farmer"), ("li", "technician")]
    site.broker.signal(signal.SIGHUP)  # systemd would
    garden.wait_until(lambda: logs_in(port, "zhao", once), 120, "the new one gets in")
    assert logs_in(port, "li", OLD)
    assert "user zhao\n" in (folder / "mosquitto.acl").read_text()

    farmer = Phone(port, "zhao", once)
    for method, params in (("users", {}), ("user_change", {"name": "li", "role": "none", "password": once})):
        assert farmer.ask(method, params)["error"]["code"] == "forbidden"
    farmer.stop()
    assert change("zhao", "none") == "ok"
    site.broker.signal(signal.SIGHUP)
    garden.wait_until(lambda: not logs_in(port, "zhao", once), 120, "who is removed stays out")
    phone.stop()

    audit = baiye("audit", "50", "--json", "--socket", folder / "baiyed.sock").stdout
    rows = [row for row in json.loads(audit)["audits"] if row["method"] == "user_change"]
    assert any("zhao" in str(row) and "none" in str(row) for row in rows), rows
    assert OLD not in audit and once not in audit


def test_the_socket_changes_no_user_for_who_is_no_technician(farm):
    """As who took the daemon over would ask."""
    site, activated = farm  # noqa: F811
    names = ("users", "mosquitto.passwd", "mosquitto.acl")
    before = {name: (site.folder / name).read_text() for name in names}
    for question in (f"change eve technician\nli\n{OLD}\n{NEW}\n",  # a farmer's password
                     f"change eve technician\nwang\nwrong-one-12\n{NEW}\n",
                     f"change li none\nnobody\n{OLD}\n\n"):
        assert activated.ask(question) == "wrong", question
    for question in ("change eve technician\n", f"change eve technician\nwang\n{OLD}\n",
                     f"change eve\nwang\n{OLD}\n{NEW}\n",
                     f"change eve farmer extra\nwang\n{OLD}\n{NEW}\n"):
        assert activated.ask(question) == "failed", question
    for question in (f"change eve: farmer\nwang\n{OLD}\n{NEW}\n",
                     f"change {'x' * 32} none\nwang\n{OLD}\n\n"):
        assert activated.ask(question).startswith("refused: "), question
    assert {name: (site.folder / name).read_text() for name in names} == before
