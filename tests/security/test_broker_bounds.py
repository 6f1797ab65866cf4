# SPDX-License-Identifier: Apache-2.0
"""The broker as the package sets it up: nobody fills its memory, logged in or not."""
import os
import pathlib
import socket
import subprocess

import paho.mqtt.client as mqtt
import pytest

import garden

PACKAGED = pathlib.Path(__file__).resolve().parents[2] / "gateway/packaging/mosquitto.conf"
LARGEST = 1 << 20


@pytest.fixture
def broker(tmp_path):
    port = garden.free_port()
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "passwd", "li", "secret"], check=True)
    os.chmod(tmp_path / "passwd", 0o600)
    (tmp_path / "acl").write_text("user li\ntopic readwrite baiye/#\n")
    (tmp_path / "mosquitto.conf").write_text(
        PACKAGED.read_text().replace("listener 1883", f"listener {port}")
        .replace("/etc/baiye/mosquitto.passwd", str(tmp_path / "passwd"))
        .replace("/etc/baiye/mosquitto.acl", str(tmp_path / "acl")) + "user root\n")
    process = subprocess.Popen(["mosquitto", "-c", tmp_path / "mosquitto.conf"],
                               stderr=subprocess.DEVNULL)
    garden.wait_until(lambda: answers(port), 10, "mosquitto listens")
    yield port, process.pid
    process.kill()
    process.wait(120)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def variable_length(size):
    out = b""
    while True:
        out += bytes([size % 128 | (128 if size >= 128 else 0)])
        size //= 128
        if size == 0:
            return out


@pytest.mark.parametrize("announced", [LARGEST + 1, 16 << 20, 268_435_455])
def test_a_large_connect_is_not_taken_before_login(broker, announced):
    port, pid = broker
    before = resident(pid)
    with socket.create_connection(("127.0.0.1", port), 5) as hostile:
        hostile.sendall(b"\x10" + variable_length(announced))
        hostile.settimeout(5)
        taken = 0
        try:
            while taken < min(announced, 64 << 20):
                taken += hostile.send(b"x" * 65536)
            assert hostile.recv(1) == b"", "it is still open"
        except OSError:
            pass  # closed at once
        assert taken < 16 << 20
    assert resident(pid) - before < 4 * LARGEST


def test_a_user_retains_nothing_large(broker):
    port, pid = broker
    before = resident(pid)
    client = mqtt.Client(protocol=mqtt.MQTTv5)
    client.username_pw_set("li", "secret")
    ended = []
    client.on_disconnect = lambda *_: ended.append(True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    garden.wait_until(client.is_connected, 5, "li is connected")
    for i in range(12):
        client.publish(f"baiye/hill/big/{i}", b"x" * (8 << 20), qos=1, retain=True)
    garden.wait_until(lambda: ended, 10, "the broker has ended the connection")
    client.loop_stop()
    assert resident(pid) - before < 16 << 20
    assert answers(port)
