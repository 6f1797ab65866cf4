# SPDX-License-Identifier: Apache-2.0
"""Growers away from their farm: the app and its MQTT over WebSocket from the county, with the right to
read one site, and none to write or to take anything from the county's own programs."""
import os
import ssl
import subprocess
import urllib.request

import paho.mqtt.client as paho
import pytest
import yaml

import garden
from county import expected, reading, settle, stored
from garden import wait_until
from secured import CountyBroker, Peer, program_keys

SETUP = garden.ROOT / "gateway/county/packaging/baiye-county-setup"
TOLD = {"site": b'{"label":"north"}', "gateway/status": b"online", "forecast": b'{"plots":{}}',
        "alert/frost": b'{"level":"alarm"}', "dev/plot-1/live": b'{"ts":1,"values":{"air_temperature":18.2}}',
        "plot/upper/live": b'{"ts":1}', "gateway/log": b'{"gw":"x"}', "answer/county/1": b"{}"}
SEEN = {name for name in TOLD if name not in ("gateway/log", "answer/county/1")}


def operator(folder, *words, code=0):
    """As the operator does; the broker is told by a signal here, there is no service manager."""
    (folder / "ca").mkdir(exist_ok=True)
    (folder / "ca/gateways-ca.key").touch()
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/systemctl").write_text("#!/bin/sh\nexit 0\n")
    (folder / "bin/systemctl").chmod(0o755)
    done = subprocess.run([SETUP, *words], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "BAIYE_COUNTY": str(folder), "PATH": f"{folder}/bin:{os.environ['PATH']}"})
    assert done.returncode == code, done
    return done.stdout.split()


class Page(garden.Process):
    def __init__(self, broker, folder):
        self.port, self.broker = garden.free_port(), broker
        app = folder / "app"
        app.mkdir()
        (app / "index.html").write_text("<!doctype html><title>the app</title>")
        config = folder / "growers.yaml"
        config.write_text(yaml.safe_dump({
            "listen": f"127.0.0.1:{self.port}", "broker": f"127.0.0.1:{broker.growers}", "app": str(app),
            "cert_file": str(folder / "broker.crt"), "key_file": str(folder / "broker.key")}))
        super().__init__(folder, "growers", [garden.program("baiye-growers"), config])

    def tls(self):
        return ssl.create_default_context(cafile=self.broker.folder / "county-ca.crt")

    def get(self, path):
        with urllib.request.urlopen(f"https://127.0.0.1:{self.port}{path}", context=self.tls(), timeout=60) as answer:
            return answer.read().decode()


class Grower:
    """A browser with the app, by its MQTT."""

    def __init__(self, page, name, password):
        self.heard, self.said, self.acked = {}, [], {}
        self.client = paho.Client(client_id="", protocol=paho.MQTTv5, transport="websockets")
        self.client.ws_set_options(path="/mqtt")
        self.client.tls_set_context(page.tls())
        self.client.username_pw_set(name, password)
        self.client.on_connect = lambda _c, _d, _f, code, _p=None: self.said.append(code.value)
        # As the app does: mosquitto leaves its mount point before a topic.
        self.client.on_message = lambda _c, _d, one: self.heard.setdefault(one.topic.removeprefix("gw/"), one.payload)
        self.client.on_subscribe = lambda *words: self.acked.setdefault(words[2], True)
        self.client.connect("127.0.0.1", page.port)
        self.client.loop_start()
        wait_until(lambda: self.said, 60, "the broker answers")

    def subscribe(self, topic):
        """Returns when all that the broker keeps for it has come: nothing overtakes on one connection."""
        _, number = self.client.subscribe(topic, 1)
        wait_until(lambda: number in self.acked, 60, topic)
        _, number = self.client.subscribe("baiye/x/y", 1)
        wait_until(lambda: number in self.acked, 60, topic)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def county(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("the operator is root")
    broker = CountyBroker(tmp_path)
    words = {name: operator(tmp_path, "grower", name, site)[1] for name, site in
             (("li", "farm-1"), ("wang", "farm-2"), ("zhao", "farm-1"))}
    broker.start()
    page = Page(broker, tmp_path)
    page.start()
    wait_until(lambda: "http: listening" in page.log() and "bridge: open" in page.log(), 60, page.log())
    yield broker, page, words
    page.stop()
    broker.stop()


def tell(peer):
    for name, payload in TOLD.items():
        peer.published = getattr(peer, "published", 0) + 1
        peer.send_raw(payload, leaf=name, retain=True)
    wait_until(lambda: peer.acked >= peer.published, 60, "the broker has all")


def test_a_grower_reads_one_site_in_the_app_and_no_other(county):
    broker, page, words = county
    assert "the app" in page.get("/") and page.get("/alive") == "alive\n"
    one, other = Peer(broker, "farm-1"), Peer(broker, "farm-2")
    tell(one)
    tell(other)
    li = Grower(page, "li", words["li"])
    assert li.said == [0]
    for topic in ("baiye/+/site", "baiye/#", "#", "baiye/farm-2/#", "gw/#", "+/+/+"):
        li.subscribe(topic)
    assert set(li.heard) == {f"baiye/farm-1/{name}" for name in SEEN}
    assert li.heard["baiye/farm-1/dev/plot-1/live"] == TOLD["dev/plot-1/live"]
    # What is said from now on comes too, of that site alone.
    li.heard.clear()
    tell(other)
    tell(one)
    wait_until(lambda: len(li.heard) >= len(SEEN), 60, "it is heard")
    assert set(li.heard) == {f"baiye/farm-1/{name}" for name in SEEN}
    for grower in (li, one, other):
        grower.stop()


def test_a_grower_takes_no_readings_away_and_says_nothing(county, database, start):
    broker, page, words = county
    start("baiye-ingest", **program_keys(broker, "ingest"))
    li = Grower(page, "li", words["li"])
    for topic in ("$share/ingest/gw/baiye/+/readings", "$share/ingest/baiye/+/readings", "baiye/+/readings"):
        li.subscribe(topic)
    good = Peer(broker, "farm-1")
    asked = []
    good.client.on_message = lambda _c, _d, one: asked.append(one.topic)
    refused = []
    li.client.on_publish = lambda *words: refused.append(words)
    topics = ("baiye/farm-1/rpc/county/config", "baiye/farm-1/rpc/li/write", "baiye/farm-1/readings",
              "baiye/farm-1/gateway/log", "baiye/farm-2/readings", "gw/baiye/farm-1/readings")
    for topic in topics:
        li.client.publish(topic, b'{"v":1}', qos=1, retain=True)
    wait_until(lambda: len(refused) == len(topics), 60, "the broker has judged all")
    for seq in range(1, 41):
        first, last = good.keep(reading("plot-1", seq))
        good.send(first, last)
    settle(database, good)
    assert stored(database, good) == expected(good), "each went to the county"
    assert not li.heard and not asked
    assert database.number("SELECT count(*) FROM dead") == 0
    li.stop()
    good.stop()


def test_who_is_no_grower_is_let_in_nowhere(county, tmp_path):
    broker, page, words = county
    for name, password in (("li", "wrong"), ("li", words["wang"]), ("nobody", "x")):
        one = Grower(page, name, password)
        assert one.said[0] != 0
        one.stop()
    zhao = Grower(page, "zhao", words["zhao"])
    assert zhao.said == [0]
    gateway = Peer(broker, "farm-1")
    assert operator(tmp_path, "grower", "zhao") == []
    broker.child.send_signal(1)  # as `systemctl reload` does
    wait_until(lambda: not zhao.client.is_connected() or len(zhao.said) > 1, 60, "he is cut off")
    wait_until(lambda: zhao.said[-1] != 0, 60, "and not let in again")
    assert "zhao" not in (tmp_path / "growers.acl").read_text() + (tmp_path / "growers.passwd").read_text()
    tell(gateway)
    li = Grower(page, "li", words["li"])
    li.subscribe("baiye/#")
    assert len(li.heard) == len(SEEN), "the others stay as they were"
    for one in (zhao, li, gateway):
        one.stop()
    for words in (["Li", "farm-1"], ["li", "county"], ["li", "a/b"], ["li\nuser x", "farm-1"], ["", "farm-1"]):
        operator(tmp_path, "grower", *words, code=64)
