# SPDX-License-Identifier: Apache-2.0
"""A card is copied: two boxes are one gateway. Both say so, and what connects as we do makes nobody
flap."""
import contextlib
import json
import shutil
import socket
import struct
import threading
import time

import pytest

import garden
from garden import wait_until
from probe import Registers, device
from webclient import request

PROFILE = "fields:\n  - { metric: level, register: 0 }\n"


def warnings(gateway, broker):
    wait_until(lambda: "http: listening" in gateway.log() and "bridge: open" in gateway.log(), 20,
               "it listens")
    port = int(gateway.config["http"]["listen"].split(":")[1])
    answer = request(port, "/ready", user="watcher", password=broker.passwords["watcher"])
    return " | ".join(json.loads(answer.body)["warnings"])


def box(farm, name, line, site=garden.SITE, **more):
    """A gateway of its own folder, with the farm's broker."""
    folder = farm.site.folder / name
    folder.mkdir(exist_ok=True)
    shutil.copytree(farm.site.folder / "profiles", folder / "profiles", dirs_exist_ok=True)
    (folder / "users").write_text("watcher technician\n")
    made = garden.Gateway(folder, farm.site.broker, [line.bus(device())], name="baiyed",
                          profiles=str(folder / "profiles"),
                          http={"listen": f"127.0.0.1:{garden.free_port()}"}, **more)
    made.config["site"] = site
    made.write_config()
    return farm.site.add(made)


def uuid_of(gateway):
    return (gateway.config_path.parent / "readings.db.identity").read_text().split()[0]


def copy_card(first, second):
    for path in first.config_path.parent.glob("readings.db*"):
        shutil.copy(path, second.config_path.parent / path.name)


@pytest.fixture
def two(farm):
    farm.profile(PROFILE)
    farm.site.start_broker()
    farm.site.start_watcher()
    lines = [farm.line(Registers({0: 1})), farm.line(Registers({0: 1}))]
    return [box(farm, f"box-{n}", line) for n, line in enumerate(lines)]


def test_two_boxes_with_one_identity_are_told_by_both(farm, two):
    first, second = two
    first.start()
    wait_until(lambda: "connected" in first.log(), 20, "the first one is connected")
    first.stop()
    copy_card(first, second)
    for gateway in two:
        gateway.start()
    for gateway in two:
        wait_until(lambda: "another box is there with this gateway's identity" in gateway.log(), 40,
                   "it is told in the log")
        wait_until(lambda: "a copied card" in warnings(gateway, farm.site.broker), 10, "by /ready")
    assert uuid_of(first) == uuid_of(second)
    alert = wait_until(lambda: farm.site.watcher.retained.get("alert/twin-local"), 10, "the alert")
    alert = json.loads(alert)
    assert alert["level"] == "alarm" and "copied" in alert["what"] and "复制" in alert["zh"]["what"]
    assert [gateway.log().count("connected to") for gateway in two] == [2, 1]  # no one flaps


def test_another_gateway_with_the_name_of_this_site_is_told_by_both(farm, two):
    for gateway in two:
        gateway.start()
    for gateway in two:
        wait_until(lambda: "the same name of its site" in gateway.log(), 40, "it is told")
    assert uuid_of(two[0]) != uuid_of(two[1])


def test_a_gateway_that_is_started_again_is_no_second_one(farm, two):
    first = two[0]
    for n, kill in enumerate((first.kill, first.stop, first.kill), 1):
        first.start()
        wait_until(lambda: first.log().count("connected to") == n, 20, "connected")
        kill()
    first.start()
    wait_until(lambda: first.log().count("connected to") == 4, 20, "connected again")
    # Whoever hears another says so at once: with readings of this connection it would have been said.
    had = len(farm.readings())
    farm.wait(had + 10)
    assert "another" not in first.log() and "another" not in warnings(first, farm.site.broker)


def test_on_another_machine_it_is_another_gateway(farm, two):
    first, second = two
    first.start()
    wait_until(lambda: "polling" in first.log(), 20, "the first one runs")
    first.stop()
    copy_card(first, second)
    beside = second.config_path.parent / "readings.db.identity"
    words = beside.read_text().split()
    known = len(words) == 4  # else this machine has no id that stays
    if known:
        beside.write_text(" ".join([*words[:3], "0123456789abcdef0123456789abcdef"]) + "\n")
    second.start()
    wait_until(lambda: "http: listening" in second.log(), 20, "it listens")
    assert ("comes from another machine" in second.log()) == known
    assert (uuid_of(second) != uuid_of(first)) == known
    if known:
        alert = wait_until(lambda: farm.site.watcher.retained.get("alert/identity"), 20, "an alert")
        assert "拷" in json.loads(alert)["zh"]["what"]
    other = uuid_of(second)
    second.stop()
    second.start()
    wait_until(lambda: second.log().count("polling") == 2, 20, "it runs again")
    second.stop()
    assert uuid_of(second) == other and second.log().count("comes from another machine") == known


class Thief:
    """A broker that takes every session over as soon as it has had a message."""

    def __init__(self):
        self.times = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    self.times.append(time.monotonic())
                    connection.recv(4096)  # CONNECT
                    connection.sendall(b"\x20\x03\x00\x00\x00")
                    connection.recv(4096)
                    connection.sendall(struct.pack(">BBBB", 0xE0, 2, 0x8E, 0))
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):  # closed at once, it would be reset
                        pass

    def close(self):
        self.listener.close()


def test_a_session_taken_over_again_and_again_is_told_and_does_not_flap(farm):
    farm.profile(PROFILE)
    farm.site.start_broker()
    farm.site.start_watcher()
    line, thief = farm.line(Registers({0: 1})), Thief()
    farm.devices.append(thief)
    gateway = box(farm, "box", line)
    gateway.config["mqtt"].append({"name": "cloud", "url": f"mqtt://127.0.0.1:{thief.port}"})
    gateway.write_config()
    gateway.start()
    wait_until(lambda: "its sessions are taken over" in gateway.log(), 30, "it is told")
    alert = wait_until(lambda: farm.site.watcher.retained.get("alert/twin-cloud"), 10, "the alert")
    assert "抢走" in json.loads(alert)["zh"]["what"]
    wait_until(lambda: "taken over" in warnings(gateway, farm.site.broker), 10, "by /ready")
    wait_until(lambda: len(thief.times) >= 4, 60, "it tries on")
    waits = [after - before for before, after in zip(thief.times[1:], thief.times[2:])]
    assert all(wait > 1.9 * 2 ** n for n, wait in enumerate(waits)), waits
    farm.wait(3)
    assert farm.site.watcher.retained["gateway/status"] == b"online"  # at its other broker
