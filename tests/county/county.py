# SPDX-License-Identifier: Apache-2.0
"""A county for one test: PostgreSQL, a broker, baiye-ingest, and gateways that keep their records
and can send any of them again."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
import zlib

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
import yaml

import garden
from garden import wait_until

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
HOUR_MS = 3600000
RECORDED = json.loads((pathlib.Path(__file__).parent / "recorded.json").read_text())
DAY_MS = 24 * HOUR_MS
# Of the readings: a day that the county keeps, and long enough ago for what they bring.
BASE_MS = (int(time.time() * 1000) // DAY_MS - 20) * DAY_MS


def as_postgres(*words):
    """The words of a command; PostgreSQL does not run as root."""
    who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return [str(word) for word in (who if os.getuid() == 0 else []) + list(words)]


class Session:
    """A psql that stays: starting one, and a server process for it, costs fifty times what most tests ask."""

    def __init__(self, conninfo):
        self.errors = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", conninfo], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def __call__(self, sql):
        mark, lines = f"-- {uuid.uuid4().hex}", []
        try:
            self.child.stdin.write(f"{sql}\n;\n\\echo {mark}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and has said why
        for line in self.child.stdout:
            if line.rstrip("\n") == mark:
                return "".join(lines).strip()
            lines.append(line)
        self.child.wait(120)
        self.errors.seek(0)
        raise AssertionError(self.errors.read())

    def close(self):
        self.child.kill()
        self.child.communicate()
        self.errors.close()


class Database(garden.Process):
    def __init__(self):
        self.folder = pathlib.Path("/tmp") / f"baiye-pg-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir(mode=0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.port = garden.free_port()
        self.data = self.folder / "data"
        self.count = 0
        self.name = None
        self.sessions, self.lock = {}, threading.Lock()  # by conninfo
        self.fill()
        # fsync only matters when the machine fails, and it does not fail here.
        super().__init__(self.folder, "postgres", as_postgres(
            BIN / "postgres", "-D", self.data, "-p", self.port, "-k", self.folder,
            "-c", "listen_addresses=", "-c", "fsync=off"))

    def fill(self):
        subprocess.run(as_postgres(BIN / "initdb", "-D", self.data, "-A", "trust", "-U", "postgres",
                                   "-N", "--locale=C", "-E", "UTF8"), check=True, cwd="/",
                       capture_output=True)

    def start(self):
        super().start()
        wait_until(self.ready, 120, "PostgreSQL answers")

    def ready(self):
        assert self.running(), self.log()[-2000:]
        return subprocess.run(["psql", "-XAtq", "-d", self.server, "-c", "SELECT 1"],
                              capture_output=True, check=False).returncode == 0

    def processes(self):
        """Those that work in its folder."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.data):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has just ended
        return found

    def kill(self):
        """kill -9 of the server; its children see that and end."""
        self.leave()
        super().kill()
        wait_until(lambda: not self.processes(), 120, "PostgreSQL is gone")

    def stop(self):
        if self.running():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ensure(self):
        if not self.running():
            self.start()

    def leave(self):
        """Nobody of the tests is connected."""
        with self.lock:
            for session in self.sessions.values():
                session.close()
            self.sessions.clear()

    def make(self):
        self.leave()
        self.count += 1
        self.name = f"county{self.count}"
        self.admin(f"CREATE DATABASE {self.name}")
        self("CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman")

    @property
    def server(self):
        return f"host={self.folder} port={self.port} dbname=postgres user=postgres"

    @property
    def conninfo(self):
        return f"host={self.folder} port={self.port} dbname={self.name} user=postgres"

    def psql(self, conninfo, sql):
        with self.lock:
            session = self.sessions.pop(conninfo, None) or Session(conninfo)
            try:
                found = session(sql)
            except BaseException:
                session.close()
                raise
            self.sessions[conninfo] = session
            return found

    def admin(self, sql):
        return self.psql(self.server, sql)

    def __call__(self, sql):
        return self.psql(self.conninfo, sql)

    def rows(self, sql):
        return [tuple(line.split("|")) for line in self(sql).splitlines()]

    def number(self, sql):
        return int(self(sql))


class Broker(garden.Process):
    def __init__(self, folder):
        self.port = garden.free_port()
        self.config = folder / "mosquitto.conf"
        user = "user root\n" if os.getuid() == 0 else ""
        self.config.write_text(f"{user}listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                               "set_tcp_nodelay true\nmax_queued_messages 100000\n")
        super().__init__(folder, "mosquitto", ["mosquitto", "-c", self.config])

    def start(self):
        super().start()
        wait_until(self.listening, 120, "the broker listens")

    def keep_on_disk(self):
        """Sessions and what waits in them outlive it, as far as it has written them."""
        self.stop()
        with open(self.config, "a", encoding="utf-8") as config:
            config.write(f"persistence true\npersistence_location {self.config.parent}/\n"
                         "autosave_interval 20\nautosave_on_changes true\n")
        self.start()

    def listening(self):
        probe = subprocess.run(["mosquitto_pub", "-p", str(self.port), "-t", "probe", "-n"],
                               capture_output=True, check=False)
        return probe.returncode == 0


class Program(garden.Process):
    """baiye-ingest or baiye-county."""

    def __init__(self, folder, program, instance, at, server, **settings):
        self.config = folder / f"{program}-{instance}.yaml"
        self.config.write_text(yaml.safe_dump({
            "instance": instance, "database": server.conninfo,
            "broker": {"url": f"mqtt://127.0.0.1:{at.port}", "keepalive": "60s"}, **settings}))
        url = yaml.safe_load(self.config.read_text())["broker"]["url"]
        self.brokers = len(url) if isinstance(url, list) else 1
        self.before = 0  # how often it had found a broker when it was last started
        super().__init__(folder, f"{program}-{instance}", [garden.program(program), self.config])

    def start(self, ready=True):
        self.before = self.connected()
        super().start()
        if ready:
            wait_until(self.works, 120, self.log())

    def works(self):
        """It runs, and has found its brokers since it was started."""
        return self.running() and self.connected() >= self.before + self.brokers

    def connected(self):
        return sum("broker " in line and line.endswith(": connected")
                   for line in self.log().splitlines())


class Fleet:
    """Many gateways by one connection: what the county asks one of them, `answer(site, method, body)`
    answers, a document or None. `asks`: of the methods those that they hear."""

    def __init__(self, broker, client_id="fleet", asks="#"):
        self.client = paho.Client(client_id=client_id, protocol=paho.MQTTv5)
        self.client.max_inflight_messages_set(200)
        self.client.on_connect = lambda c, *_: c.subscribe(f"baiye/+/rpc/county/{asks}", 1)
        self.client.on_message = self.on_request
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def on_request(self, _client, _data, message):
        _, site, _, _, method = message.topic.split("/")
        answer = self.answer(site, method, json.loads(message.payload))
        if answer is not None:
            self.client.publish(message.properties.ResponseTopic, json.dumps(answer), qos=1)

    def answer(self, site, method, body):
        raise NotImplementedError

    def publish(self, site, leaf, body):
        self.client.publish(f"baiye/{site}/{leaf}", json.dumps(body), qos=1)

    def beat(self, site, gw, last=0, sent=0, version="0.1.0", **more):
        self.publish(site, "gateway/log", {"gw": gw, "first": 1, "last": last, "sent": sent, "boot": 1,
                                           "ts": 1795000000000, "version": version, "month_bytes": 1, **more})

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def reading(device, seq, ts=None, boot=1, **rest):
    """A record as a gateway publishes it; the value follows from the number."""
    return {"d": device, "boot": boot, "seq": seq,
            "ts": BASE_MS + seq * 60000 if ts is None else ts,
            "values": {"air_temperature": round(10 + seq % 7 * 0.1, 1)}, "flags": {}, **rest}


def recorded(minute, at_ms):
    """What a gateway with 20 devices reads in one of its minutes, recorded from a real one:
    the next numbers from 1 on, another time, and values that move a little."""
    records = []
    for one in RECORDED:
        one = dict(one, seq=minute, ts=at_ms + one["ts"] % 60000)
        one["values"] = {metric: round(value + minute % 7 * 0.1, 2)
                         for metric, value in one["values"].items()}
        records.append(one)
    return records


class Gateway:
    """Keeps each record under its number, and publishes any range of them."""

    def __init__(self, broker, site, deflate=False):
        self.site, self.uuid, self.deflate = site, str(uuid.uuid4()), deflate
        self.records = []  # number n stands at n - 1
        self.acked = 0
        self.reasons = {}
        self.cond = threading.Condition()
        # As a gateway's: two that come in one garden's name take no session over from each other.
        self.client = paho.Client(client_id=f"gw-{site}-{self.uuid}", protocol=paho.MQTTv5)
        self.client.on_publish = self.on_publish
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_request
        self.asked = []  # (first, last), as they came
        self.gone_below = 1
        self.answers = True
        self.client.max_inflight_messages_set(100)
        self.port = broker.port
        self.connect()
        self.client.loop_start()

    def connect(self):
        self.client.connect("127.0.0.1", self.port, keepalive=60, clean_start=True)

    def on_publish(self, *_):
        with self.cond:
            self.acked += 1
            self.cond.notify_all()

    def on_connect(self, *_):
        self.client.subscribe(f"baiye/{self.site}/rpc/county/#", 1)

    def on_request(self, _client, _data, message):
        """resend, as the gateway's."""
        first, last = json.loads(message.payload)["ids"]
        self.asked.append((first, last))
        if not self.answers:
            return
        gone = [[first, self.gone_below - 1]] if first < self.gone_below else []
        for at in range(max(first, self.gone_below), last + 1, 50):
            self.send(at, min(at + 49, last))
        answer = {"found": last - first + 1, "gone": gone, "next": last + 1}
        self.client.publish(message.properties.ResponseTopic, json.dumps(answer), qos=1)

    def keep(self, *records):
        first = len(self.records) + 1
        self.records.extend(records)
        return first, len(self.records)

    def body(self, first, last):
        return {"v": 1, "gw": self.uuid, "readings": self.records[first - 1:last],
                "ids": [first, last]}

    def send(self, first, last, body=None):
        payload = json.dumps(body or self.body(first, last)).encode()
        self.send_raw(zlib.compress(payload) if self.deflate else payload, self.deflate)

    def send_raw(self, payload, deflated=False, leaf="readings", site=None, retain=False):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType = "application/json+deflate" if deflated else "application/json"
        return self.client.publish(f"baiye/{site or self.site}/{leaf}", payload, qos=1,
                                   retain=retain, properties=properties)

    def beat(self):
        """gateway/log, as after the last message."""
        self.send_raw(json.dumps({"gw": self.uuid, "first": 1, "last": len(self.records),
                                  "sent": len(self.records), "boot": 1,
                                  "ts": BASE_MS}).encode(), leaf="gateway/log", retain=True)

    def numbers(self):
        return sum("seq" in record for record in self.records)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def stored(database, gateway):
    """(device, boot, seq, ts) of all that the database has of a gateway, with repetitions."""
    return sorted((d, int(b), int(s), round(float(t))) for d, b, s, t in database.rows(
        "SELECT device, boot, seq, extract(epoch FROM ts) * 1000 FROM reading JOIN stream ON"
        f" stream.id = reading.stream WHERE gw = '{gateway.uuid}'"))


def expected(gateway):
    return sorted((r["d"], r["boot"], r["seq"], r["ts"]) for r in gateway.records if "seq" in r)


def shuffled(items, seed):
    items = list(items)
    random.Random(seed).shuffle(items)
    return items


def settle(database, gateway, meanwhile=lambda: True):
    """Until nothing of it is missing."""
    wait_until(lambda: meanwhile() and database.number(
        f"SELECT count(*) FROM gateway WHERE gw = '{gateway.uuid}' AND ids @>"
        f" int8range(1, {len(gateway.records)}, '[]')"), 120, f"all of {gateway.site} is there")


def settle_at(database, gateway, number):
    wait_until(lambda: database.number(f"SELECT count(*) FROM gateway WHERE gw = '{gateway.uuid}' AND"
                                       f" ids @> {number}::int8"), 120, f"{number} is there")


def holes(database, gateway):
    return [(int(a), int(b)) for a, b in database.rows(
        f"SELECT first, last FROM hole WHERE gw = '{gateway.uuid}' ORDER BY first")]


def heal(database, gateway):
    """What the county asks for again, sent as a gateway's resend does."""
    for first, last in holes(database, gateway):
        for at in range(first, last + 1, 200):
            gateway.send(at, min(at + 199, last))


def pass_time(database, minutes):
    """For what baiye-county computes with: since when a hole is known, when something was asked."""
    database(f"UPDATE suspect SET since = since - interval '{minutes} min';"
             f"UPDATE asked SET at = at - interval '{minutes} min'")


def batches_until_healed(database, gateways, meanwhile=lambda: True):
    """How many more batches each gateway has sent, one in ten minutes, until nothing of what it has is
    missing; baiye-county has the patience that it has by itself, of 20 minutes. The minutes are not
    waited for, so that none of it depends on how fast the machine is."""
    def nothing(sql, what):
        wait_until(lambda: meanwhile() and database.number(f"SELECT count(*) FROM {sql}") == 0, 120, what)
    batches, mine = 0, ", ".join(f"'{gateway.uuid}'" for gateway in gateways)
    for gateway in gateways:
        gateway.beat()
        nothing(f"(SELECT) a WHERE NOT EXISTS (SELECT FROM gateway WHERE gw = '{gateway.uuid}' AND"
                f" last = {len(gateway.records)})", "what the gateway has is known")
    while database.number(f"SELECT count(*) FROM hole WHERE gw IN ({mine})") > 0:
        nothing(f"hole h WHERE gw IN ({mine}) AND NOT EXISTS (SELECT FROM suspect s WHERE s.gw = h.gw"
                " AND s.first = h.first)", "each hole is noticed")
        for gateway in gateways:
            last = len(gateway.records)
            gateway.send(*gateway.keep(*[reading("plot-1", last + n) for n in range(1, 6)]))
            nothing(f"(SELECT) a WHERE NOT EXISTS (SELECT FROM gateway WHERE gw = '{gateway.uuid}' AND"
                    f" ids @> int8range({last + 1}, {last + 5}, '[]'))", "the batch has come")
        batches += 1
        pass_time(database, 10)
        if batches >= 2:
            nothing(f"hole WHERE gw IN ({mine})", f"healed after {batches} batches, and no further one")
    return batches
