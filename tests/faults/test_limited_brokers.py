# SPDX-License-Identifier: Apache-2.0
"""Brokers that cannot do everything, or are one of several, still get every reading; one that nobody
listens at gets none."""
import json
import select
import socket
import struct
import time

import garden
import pytest
from gateway import assert_true, wait_all
from scripted import ScriptedBroker
from test_scripted import scripted, wait_taken  # noqa: F401

NO_RETAIN, QOS_0 = b"\x25\x00", b"\x24\x00"
ALERT = "alert/broker-broker-1"


# ---- CONNACK's limits ----

def test_without_retained_messages_nothing_is_sent_retained(scripted, gateways):  # noqa: F811
    """A broker without them closes the connection of whoever sends one, or wills one (0x9A)."""
    broker = scripted(on_connect=lambda number: 0x9A if number == 1 else 0,
                      connack_properties=NO_RETAIN)
    gateway = gateways("--broker", broker.port)
    gateway.put(80)
    wait_taken(broker, 80)
    assert broker.wills[0] == (1, 1) and set(broker.wills[1:]) == {(1, 0)}
    assert broker.published and all(not retain for _, _, retain in broker.published)


def test_a_broker_of_qos_0_gets_readings(scripted, gateways):  # noqa: F811
    """It refuses a will of QoS 1 (0x9B)."""
    broker = scripted(on_connect=lambda number: 0x9B if number == 1 else 0,
                      connack_properties=QOS_0)
    gateway = gateways("--broker", broker.port)
    gateway.put(800)
    wait_taken(broker, 800)
    assert set(broker.wills[1:]) == {(0, 1)}
    assert all(qos == 0 for _, qos, _ in broker.published)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 10, "delivered")
    gateway.put(800)
    wait_taken(broker, 1600)


def test_both_limits_at_once(scripted, gateways):  # noqa: F811
    broker = scripted(on_connect=lambda number: {1: 0x9A, 2: 0x9B}.get(number, 0),
                      connack_properties=NO_RETAIN + QOS_0)
    gateway = gateways("--broker", broker.port)
    gateway.put(80)
    wait_taken(broker, 80)
    assert broker.wills[2] == (0, 0)


def test_a_broker_that_refuses_even_the_least_is_no_busy_loop(scripted, gateways):  # noqa: F811
    broker = scripted(on_connect=lambda _: 0x9A)
    gateways("--broker", broker.port)
    garden.wait_until(lambda: broker.connects >= 3, 10, "tried on")
    began, connects = time.monotonic(), broker.connects
    garden.wait_until(lambda: broker.connects >= connects + 2, 20, "tried on")
    assert time.monotonic() - began > 0.3


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"\x20\x02\x00\x05",
                                    b"\x20\x03\x00\x84\x00", b"\x20\x02\x00\x84"])
def test_a_broker_of_mqtt_3_is_told_as_such(answer, broker, scripted, gateways,  # noqa: F811
                                            watchers):
    old = scripted(on_connect=lambda _: answer)
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*garden_broker(broker), "--broker", old.port)
    gateway.wait_state("refused", broker=1)
    gateway.wait_why("MQTT 5", broker=1)
    alert = json.loads(garden.wait_until(lambda: watcher.retained.get(ALERT), 40, "an alert"))
    assert "MQTT 5" in alert["what"]
    assert "MQTT 5" in alert["zh"]["what"]


def test_a_broker_that_hangs_up_is_told_as_such(broker, scripted, gateways, watchers):  # noqa: F811
    """Once may be its restart; again and again it is another program, or an old version."""
    old = scripted(on_connect=lambda _: "close")
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*garden_broker(broker), "--broker", old.port)
    gateway.wait_state("refused", broker=1)
    assert old.connects >= 8
    gateway.wait_why("it hangs up when we log in: MQTT 3.1.1", broker=1)
    alert = json.loads(garden.wait_until(lambda: watcher.retained.get(ALERT), 40, "an alert"))
    assert "it hangs up when we log in" in alert["what"]
    assert "一登录就被挂断" in alert["zh"]["what"]
    old.on_connect = lambda _: 0
    gateway.wait_state("up", broker=1)


def garden_broker(broker):
    return ["--broker", broker.port, "--user", "gateway", "--password-file",
            broker.password_file("gateway")]


# ---- Passwords that are tokens ----

def test_a_token_of_4_kib_goes_over_whole_and_a_longer_one_is_named(scripted, gateways,  # noqa: F811
                                                                    tmp_path):
    broker, connects = scripted(), []
    connect = broker._connect
    broker._connect = lambda link, body: (connects.append(body), connect(link, body))[1]
    token, path = ("eyJ0-" * 1000)[:4096], tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(token + "\r\n")
    whole = gateways("--broker", broker.port, "--user", "garden", "--password-file", path)
    whole.wait_state("up")
    assert connects[0].endswith(b"\x10\0" + token.encode())
    whole.kill()
    path.write_text(token + "x\n")
    longer = gateways("--broker", broker.port, "--user", "garden", "--password-file", path)
    longer.wait_why("password_file: its first line is longer than 4096 bytes")


# ---- Nobody subscribes ----

def test_readings_that_nobody_hears_are_held_back(scripted, gateways):  # noqa: F811
    deaf, times = {"on": True}, []

    def script(*_):
        times.append(time.monotonic())
        return 0x10 if deaf["on"] else 0

    broker = scripted(script)
    gateway = gateways("--broker", broker.port, "--consumer")
    gateway.put(800)
    gateway.wait_state("refused")
    stats = gateway.stats()["brokers"][0]
    assert "nobody" in stats["why"] and stats["cursor"] == 1
    # Those that were under way together came first. The next waits for what becomes of the one before.
    garden.wait_until(lambda: any(b - a > 0.5 < c - b for a, b, c in zip(times, times[1:], times[2:])), 15,
                      "it is tried again, by one message")
    assert gateway.stats()["brokers"][0]["cursor"] == 1
    with broker.lock:
        broker.taken.clear()
    deaf["on"] = False
    wait_taken(broker, 800)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["state"] == "up", 10, "well again")
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 10, "delivered")


def test_documents_that_nobody_hears_are_not_readings(scripted, gateways):  # noqa: F811
    """Live values go to a broker that nobody looks at, too."""
    broker = scripted()
    gateway = gateways("--broker", broker.port, "--consumer")
    gateway.put(80)
    wait_taken(broker, 80)
    assert gateway.stats()["brokers"][0]["state"] == "up"


def test_with_mosquitto_a_consumer_that_comes_late_has_everything(broker, gateways, watchers):
    broker.start()
    gateway = gateways(*garden_broker(broker), "--consumer")
    gateway.put(800)
    gateway.wait_state("refused")
    watcher = watchers(broker)
    wait_all(watcher, 800)


# ---- Several addresses ----

def test_another_broker_of_the_list_takes_over_with_the_same_cursor(scripted, gateways):  # noqa: F811
    first, second = scripted(), scripted()
    gateway = gateways("--broker", first.port, "--also", second.port)
    gateway.put(80)
    garden.wait_until(lambda: first.count() + second.count() >= 80, 20, "taken by one of the two")
    one, other = (first, second) if first.count() else (second, first)
    assert other.connects == 0
    one.on_connect = lambda _: "close"
    one.hang_up()
    gateway.put(80)
    garden.wait_until(lambda: len({**one.taken, **other.taken}) == 160, 30, "all of them taken")
    assert_true({**one.taken, **other.taken})
    assert gateway.stats()["brokers"][0]["restarts"] == 0


def test_a_list_of_dead_brokers_is_tried_less_and_less_often(gateways):
    with ScriptedBrokers(2) as brokers:
        gateways("--broker", brokers.ports[0], "--also", brokers.ports[1])

        def gaps():
            """Between the first one's tries."""
            times = [at for at, port in list(brokers.tries) if port == brokers.ports[0]]
            return [b - a for a, b in zip(times, times[1:])]
        # Of one and the same wait it is at most double, since half of it is drawn.
        garden.wait_until(lambda: len(gaps()) > 2 and max(gaps()) > 3 * gaps()[0], 60, "less and less often")
        ports = [port for _, port in brokers.tries]
        assert {*ports[:2]} == {*brokers.ports} and ports[2:] == ports[:-2], "in turn"


class ScriptedBrokers:
    """So many that refuse everybody, and note when."""
    def __init__(self, count):
        self.brokers = [ScriptedBroker() for _ in range(count)]
        self.ports, self.tries = [broker.port for broker in self.brokers], []
        for broker in self.brokers:
            broker.on_connect = lambda _, p=broker.port: self.tries.append((time.monotonic(), p)) or 0x88

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for broker in self.brokers:
            broker.stop()


# ---- WebSocket ----

def test_mqtt_over_websocket(broker, gateways, watchers):
    port = garden.free_port()
    config = broker.folder / "mosquitto.conf"
    config.write_text(config.read_text() + f"listener {port} 127.0.0.1\nprotocol websockets\n")
    broker.start()
    watcher = watchers(broker)
    gateway = gateways("--broker", port, "--websocket", "--user", "gateway", "--password-file",
                       broker.password_file("gateway"))
    gateway.put(800)
    wait_all(watcher, 800)
    gateway.wait_state("up")


# ---- Limits that are not announced ----

@pytest.mark.parametrize("reason, refused", [(0x9A, lambda kind, size: kind & 1),
                                             (0x9B, lambda kind, size: kind >> 1 & 3),
                                             (0x95, lambda kind, size: size > 3000)])
def test_what_a_broker_refuses_by_hanging_up_is_learned(scripted, gateways, reason,  # noqa: F811
                                                        refused):
    """Its CONNACK says nothing; a message that is retained, of QoS 1, or too large, ends the
    connection. Why, is heard only where nothing was sent behind it: else the connection is reset."""
    broker = scripted()
    publish = broker._publish

    def strict(link, kind, body, silent):
        if refused(kind, len(body)):
            if select.select([link], [], [], 0.2)[0]:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                broker._send(link, bytes([0xE0, 2, reason, 0]))
            raise ConnectionError
        publish(link, kind, body, silent)

    broker._publish = strict
    gateway = gateways("--broker", broker.port)
    gateway.put(800)
    wait_taken(broker, 800, 120)
    gateway.put(800)
    wait_taken(broker, 1600)
    assert broker.connects <= 8
