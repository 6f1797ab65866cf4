# SPDX-License-Identifier: Apache-2.0
"""What the county's programs take, against PostgreSQL alone in the same run.

ingest_ratio     readings a second of a core by one baiye-ingest, messages of 500, over a bare COPY
                 BINARY of the same rows into a table of the same shape, a transaction a message
single_ratio     messages of one reading, over INSERT and COMMIT of the same rows by libpq
duplicate_ratio  readings that were there already, over new ones
lag_p99_ms       from publishing to COMMIT, at twice the load of 5,000 gateways with 20 devices and a
                 reading a minute of each, sent every ten minutes
storm_s          until 5,000 gateways are connected by TLS again after their broker was killed
attacks_passed   of 10,000: what a gateway does to another one's topics and to the group of ingests, by
                 subscribing, publishing (retained, with a response topic) and wills, and what it hears of it
undone           of 100 gateways that have taken a bad package: those that are back by themselves, with no
                 reading lost or twice; undone_s: seconds beyond the trial's own (900 at a gateway, 60
                 here) until the last one was. What is stood in for: county_boxes.py
rss_mb           of baiye-ingest; county_rss_mb: of baiye-county with 5,000 gateways that have holes
lost, doubled    readings, counted at the gateways, after kill -9 of an ingest, PostgreSQL, baiye-county, a
                 broker, and one that keeps its queue on disk, each a hundred times at drawn moments;
                 healed_batches: how many more each gateway sends, one in ten minutes that are not waited
                 for, until baiye-county has all that the brokers had lost
day_lost         after the database was put back to what it was before half of the readings

The first three count processor time, of the program and of the server process that works for it, so
that what else the machine does is in neither; but what others do leaves its caches cold, so beside
other work they are lower. PostgreSQL writes through to the disk (fsync). Each figure is printed with
its bound when it is there, and which are not within theirs at the end."""
import argparse
import json
import pathlib
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/county")]
sys.path.append(str(ROOT / "tests/bench"))
import garden  # noqa: E402
from county import (BASE_MS, Broker, Database, Gateway, Program, batches_until_healed, expected,  # noqa: E402
                    pass_time, reading, recorded, stored)
from garden import wait_until  # noqa: E402
from secured import CountyBroker, Peer, program_keys  # noqa: E402
import county_boxes  # noqa: E402
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402

BATCH, BATCHES, SINGLES, ROUNDS = 500, 100, 2000, 3
KILLS = 100
AT_LEAST = {"ingest_ratio": 0.5, "single_ratio": 0.8, "duplicate_ratio": 5, "undone": 100}
AT_MOST = {"lag_p99_ms": 1000, "lost": 0, "doubled": 0, "healed_batches": 2, "day_lost": 0, "storm_s": 120,
           "attacks_passed": 0, "undone_s": 300, "rss_mb": 24, "county_rss_mb": 128}
GATEWAYS, DEVICES, EVERY_S, SEND_S = 5000, 20, 60, 600
LAG_S = 30


class Durable(Database):
    """As it runs in earnest, and able to say when a transaction was committed."""

    def __init__(self):
        super().__init__()
        words = [word for word in self.arguments if word != "fsync=off"]
        del words[words.index("-c", len(words) - 1)]
        self.arguments = [*words, "-c", "track_commit_timestamp=on"]


class Bench:
    def __init__(self, folder):
        self.folder, self.parts = folder, []
        self.database = Durable()
        self.start(self.database)
        self.database.make()
        self.broker = Broker(folder)
        self.start(self.broker)

    def start(self, part):
        self.parts.append(part)
        part.start()
        return part

    def ingest(self, **settings):
        return self.start(Program(self.folder, "baiye-ingest", "a", self.broker, self.database,
                                  **settings))

    def close(self):
        for part in reversed(self.parts):
            if part.running():
                part.kill()
        shutil.rmtree(self.database.folder, ignore_errors=True)

    def yardstick(self, *words):
        """Processor seconds."""
        self.database("TRUNCATE yardstick")
        with subprocess.Popen([garden.program("bench-county"), self.database.conninfo,
                               *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as child:
            own, server = child.stdout.readline().split()
            found = float(own) + cpu_s(server)
            child.stdin.close()
        assert child.returncode == 0
        return found


def cpu_s(pid):
    """What a process has used so far."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def cpu_of_all(pid):
    """All its threads."""
    return sum(cpu_s(f"{pid}/task/{task.name}")
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def bodies(count, size):
    """Messages of a gateway, made before the clock runs: (payload, records)."""
    gateway, made, minute, pool = str(uuid.uuid4()), [], 0, []
    for n in range(count):
        while len(pool) < size:
            minute += 1
            pool += recorded(minute, BASE_MS + minute * 60000)
        records, pool = pool[:size], pool[size:]
        body = {"v": 1, "gw": gateway, "readings": records, "ids": [n * size + 1, (n + 1) * size]}
        made.append(zlib.compress(json.dumps(body).encode()))
    return gateway, made


def mark(bench, site):
    """A gateway that sends one reading: when that is stored, all before it is."""
    one = Gateway(bench.broker, site)
    one.keep(reading("plot-1", 1))
    one.send(1, 1)
    wait_until(lambda: one.acked >= 1, 120, "the broker has the mark")
    one.stop()
    return one.uuid


def used_by(bench, program):
    """Processor seconds of a baiye-ingest and of the server processes that work for it."""
    servers = bench.database("SELECT pid FROM pg_stat_activity WHERE application_name ="
                             " 'baiye-ingest'").split()
    return cpu_of_all(program.child.pid) + sum(cpu_s(pid) for pid in servers)


def waiting(bench, payloads, site):
    """Processor seconds for these messages, which are all at the broker before baiye-ingest takes
    one. It has begun its work before: what starting costs is not in it."""
    one = bench.ingest()
    wait_until(lambda: bench.database.number(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'baiye-ingest' AND"
        " state = 'idle' AND query = 'COMMIT'") == 1, 120, "it has looked after the partitions")
    one.child.send_signal(signal.SIGSTOP)
    before = used_by(bench, one)
    sender = Gateway(bench.broker, site)
    for payload in payloads:
        sender.send_raw(payload, True)
    wait_until(lambda: sender.acked >= len(payloads), 120, "the broker has all")
    end = mark(bench, f"{site}-{time.monotonic_ns()}")
    sender.stop()
    one.child.send_signal(signal.SIGCONT)

    def done():
        time.sleep(0.5)
        return bench.database.number(f"SELECT count(*) FROM gateway WHERE gw = '{end}'") == 1
    wait_until(done, 300, "all is stored")
    found = used_by(bench, one) - before
    one.kill()
    return found


def singles_as_rows(bench, site):
    """What came as messages of one: a file, and the columns that are used."""
    theirs = ("FROM reading JOIN stream ON stream.id = reading.stream JOIN gateway USING (gw)"
              f" WHERE site = '{site}'")
    columns = ", ".join(name for name, in bench.database.rows(
        f"SELECT DISTINCT jsonb_object_keys(jsonb_strip_nulls(to_jsonb(reading))) {theirs}"))
    rows = bench.folder / "singles"
    rows.write_text(bench.database(f"COPY (SELECT {', '.join('reading.' + name for name in columns.split(', '))}"
                                   f" {theirs} ORDER BY seq, stream) TO STDOUT") + "\n")
    assert len(rows.read_text().splitlines()) == SINGLES
    return rows, columns


def ratios(bench):
    """(ingest_ratio, single_ratio, duplicate_ratio, readings a second)"""
    _, large = bodies(BATCHES, BATCH)
    bench.ingest().kill()  # makes the tables
    bench.database("CREATE TABLE yardstick (LIKE reading INCLUDING ALL)")
    new_s = waiting(bench, large, "large")
    rows = bench.folder / "rows"
    rows.write_bytes(subprocess.run(
        ["psql", "-Xq", "-d", bench.database.conninfo, "-c",
         f"COPY (SELECT * FROM reading ORDER BY ts LIMIT {BATCH}) TO STDOUT BINARY"],
        check=True, capture_output=True).stdout)
    copy_s = bench.yardstick("copy", rows, BATCHES)
    again_s = waiting(bench, large, "large")
    singles = []
    for n in range(ROUNDS):  # in turn, so that what the machine does meanwhile meets both
        single_s = waiting(bench, bodies(SINGLES, 1)[1], f"small-{n}")
        singles.append(bench.yardstick("insert", *singles_as_rows(bench, f"small-{n}")) / single_s)
    count = bench.database.number("SELECT count(*) FROM reading WHERE seq > 0")
    assert count == BATCH * BATCHES + ROUNDS * SINGLES + 2 + ROUNDS, count
    return copy_s / new_s, statistics.median(singles), new_s / again_s, BATCH * BATCHES / new_s


def lag(bench):
    """p99 in ms; each message is another gateway's, so its row says when it was committed."""
    one = bench.ingest()
    rate = 2 * GATEWAYS / SEND_S
    count = int(rate * LAG_S)
    sender = Gateway(bench.broker, "lag")
    made = []
    for n in range(count):
        gateway, (payload,) = bodies(1, DEVICES * SEND_S // EVERY_S)
        made.append((gateway, payload))
    sent, begin = {}, time.monotonic()
    for n, (gateway, payload) in enumerate(made):
        time.sleep(max(0, begin + n / rate - time.monotonic()))
        sent[gateway] = time.time()
        sender.send_raw(payload, True, site=f"g-{n}")
    wait_until(lambda: bench.database.number(
        "SELECT count(*) FROM gateway WHERE site LIKE 'g-%'") == count, 120, "all are stored")
    lags = sorted(1000 * (float(at) - sent[gateway]) for gateway, at in bench.database.rows(
        "SELECT gw, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM gateway"
        " WHERE site LIKE 'g-%'"))
    rss = rss_mb(one)
    one.kill()
    sender.stop()
    return lags[int(len(lags) * 0.99)], statistics.median(lags), rss


def rss_mb(process):
    for line in pathlib.Path(f"/proc/{process.child.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def county_rss(bench):
    """With 5,000 gateways that all have holes, after it has asked for some seconds."""
    bench.database(f"INSERT INTO gateway (gw, site, first, last, sent, boot, ids) SELECT"
                   f" gen_random_uuid(), 's-' || n, 1, 1000, 1000, 1, '{{[1,500),[600,900)}}'"
                   f" FROM generate_series(1, {GATEWAYS}) n")
    one = bench.start(Program(bench.folder, "baiye-county", "a", bench.broker, bench.database,
                              patience="1s"))
    wait_until(lambda: bench.database.number("SELECT count(*) FROM asked") >= 250, 120, "it asks")
    found = rss_mb(one)
    one.kill()
    return found


def undone(bench):
    ingest = bench.ingest()
    county = bench.start(Program(bench.folder, "baiye-county", "b", bench.broker, bench.database))
    back, late_s, wrong = county_boxes.undone(bench, county)
    for one in ingest, county:
        one.kill()
    return back if wrong == 0 else -wrong, late_s


# ---- What is killed, and what is put back ----

def grow(gateway, count):
    first, last = gateway.keep(*[reading(f"plot-{k % 4}", len(gateway.records) + k + 1) for k in range(count)])
    gateway.send(first, last)


def healed(bench, gateways, seconds):
    """Until baiye-county has asked for all that is missing, or the time is over: seconds."""
    begin = time.monotonic()
    missing = list(gateways)
    while missing and time.monotonic() < begin + seconds:
        for gateway in missing:
            gateway.beat()
        # What was asked of a gateway that heard nothing is asked again after a while: that is over now.
        bench.database("UPDATE asked SET at = at - interval '2 min'")
        threading.Event().wait(0.5)
        missing = [one for one in missing if bench.database.number(
            f"SELECT count(*) FROM gateway WHERE gw = '{one.uuid}' AND ids @>"
            f" int8range(1, {len(one.records)}, '[]')") == 0]
    return time.monotonic() - begin


def counted(bench, gateways):
    """(lost, doubled)"""
    lost = doubled = 0
    for gateway in gateways:
        found = stored(bench.database, gateway)
        lost += len(set(expected(gateway)) - set(found))
        doubled += len(found) - len(set(found))
    return lost, doubled


def kills(bench):
    """(lost, doubled, batches until all was healed)"""
    folder = bench.folder / "killed"
    (folder / "kept").mkdir(parents=True)
    # Not the broker of the other figures: what was killed for good leaves a session there that takes
    # its share of what comes for a minute more.
    plain, kept = bench.start(Broker(folder)), bench.start(Broker(folder / "kept"))
    kept.keep_on_disk()
    programs = [bench.start(Program(folder, "baiye-ingest", name, broker, bench.database))
                for name, broker in (("k", plain), ("l", plain), ("m", kept))]
    county = bench.start(Program(folder, "baiye-county", "k", plain, bench.database, patience="20min", ask_again="1s",
                                 broker={"url": [f"mqtt://127.0.0.1:{one.port}" for one in (plain, kept)]}))
    gateways = [Gateway((plain, kept)[n % 2], f"k-{n}") for n in range(4)]
    chance = random.Random("kills")

    def attended():
        """As the system's services: who has ended since PostgreSQL was away starts again."""
        for one in (*programs, county):
            if not one.running():
                one.start(ready=False)
    for _ in range(KILLS):
        for victim in chance.sample(("ingest", "postgres", "county", plain, kept), 5):
            wait_until(lambda: attended() is None and all(one.works() for one in (*programs, county)), 120,
                       "each of them works")
            for gateway in chance.sample(gateways, 2):
                for _ in range(chance.randrange(1, 20)):
                    grow(gateway, 5)
            victim = {"ingest": chance.choice(programs), "postgres": bench.database, "county": county}.get(victim, victim)
            time.sleep(chance.uniform(0, 0.1))  # somewhere in the middle of that
            victim.kill()
            if victim in (bench.database, plain, kept):
                victim.start()
            attended()
            pass_time(bench.database, 10)
    for gateway in gateways:
        wait_until(gateway.client.is_connected, 120, "the gateway is connected again")
    took = batches_until_healed(bench.database, gateways, lambda: attended() is None)
    found = counted(bench, gateways)
    for one in (*programs, county, plain, kept):
        one.kill()
    for gateway in gateways:
        gateway.stop()
    return (*found, took)


def put_back(bench):
    """Readings that are not there after the database of yesterday was put back, and healed by baiye-county."""
    gateway, now, one = Gateway(bench.broker, "day"), bench.database.name, bench.ingest()
    grow(gateway, 500)
    healed(bench, [gateway], 120)
    one.kill()
    bench.database.leave()
    wait_until(lambda: bench.database.admin(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{now}'") == "0", 120, "nobody is connected")
    bench.database.admin(f"CREATE DATABASE yesterday TEMPLATE {now}")
    one = bench.ingest()
    grow(gateway, 500)
    healed(bench, [gateway], 120)
    one.kill()
    bench.database.name = "yesterday"
    others = [bench.ingest(), bench.start(Program(bench.folder, "baiye-county", "y", bench.broker, bench.database,
                                                  patience="1s", ask_again="1s"))]
    assert counted(bench, [gateway])[0] == 500, "it is yesterday's"
    healed(bench, [gateway], 120)
    lost, doubled = counted(bench, [gateway])
    for other in others:
        other.kill()
    gateway.stop()
    bench.database.name = now
    return lost + doubled


# ---- The broker with certificates ----

def packet(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def connect_packet(client):
    name = client.encode()
    return packet(0x10, b"\x00\x04MQTT\x05\x02\x00\xf0\x00" + len(name).to_bytes(2, "big") + name)


def connected(port, context, name):
    """A socket with an accepted CONNECT, or None."""
    try:
        plain = socket.create_connection(("127.0.0.1", port), 60)
        plain.settimeout(60)
        one = context.wrap_socket(plain, server_hostname="127.0.0.1")
        one.sendall(connect_packet(name))
        answer = one.recv(200)
        if len(answer) > 3 and answer[0] == 0x20 and answer[3] == 0:
            return one
        one.close()
    except OSError:
        pass
    return None


def storm(folder):
    """Seconds from the broker's restart until the last one is connected; each tries again at once,
    as a gateway at its first back-off."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    broker = CountyBroker(folder)
    broker.start()
    context = broker.tls(broker.gateways, "storm")
    held, lock = [], threading.Lock()
    left = list(range(GATEWAYS))

    def bring():
        while True:
            with lock:
                if not left:
                    return
                n = left.pop()
            one = connected(broker.port, context, f"gw-{n}")
            with lock:
                if one:
                    held.append(one)
                else:
                    left.append(n)

    def all_up():
        begin = time.monotonic()
        threads = [threading.Thread(target=bring) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - begin
    try:
        all_up()
        assert len(held) == GATEWAYS
        broker.kill()
        for one in held:
            one.close()
        held.clear()
        left.extend(range(GATEWAYS))
        broker.start()
        return all_up()
    finally:
        for one in held:
            one.close()
        broker.stop()


THEFTS = ("$share/ingest/baiye/+/readings", "$share/ingest/gw/baiye/+/readings", "baiye/+/readings",
          "#", "+/+/+", "gw/#", "baiye/good/#", "../baiye/good/#", "$SYS/#", "baiye/good/rpc/#")
PLACES = ("baiye/good/readings", "baiye/good/gateway/log", "gw/baiye/good/readings",
          "baiye/good/answer/county/{}", "$share/ingest/baiye/good/readings", "baiye/good/site",
          "baiye/good/rpc/county/resend", "baiye/bad/../good/readings", "baiye/good/x/{}")


def delivered(peer):
    """All that it has published is at the broker; what the broker had for it before has come, since
    on one connection nothing overtakes."""
    peer.published += 1
    peer.send_raw(b"", leaf="x")
    wait_until(lambda: peer.acked >= peer.published, 300, f"{peer.site}: all is acknowledged")


def all_of(bench, gateway):
    """What it sends now is stored, so all that came to the broker before it has been looked at."""
    first, last = gateway.keep(*[reading("plot-1", len(gateway.records) + k + 1) for k in range(5)])
    gateway.send(first, last)
    wait_until(lambda: bench.database.number(
        f"SELECT count(*) FROM gateway WHERE gw = '{gateway.uuid}' AND ids @>"
        f" int8range(1, {len(gateway.records)}, '[]')"), 300, f"{gateway.site}: all is there")


def leave_will(broker, context, topic, payload, retain):
    """Connects with it, and is gone without a goodbye."""
    def text(data):
        return len(data).to_bytes(2, "big") + data
    body = (b"\x00\x04MQTT\x05" + bytes([0x2e if retain else 0x0e]) + b"\x00\xf0\x00" + text(b"dying") + b"\x00"
            + text(topic.encode()) + text(payload.encode()))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", broker.port), 60), server_hostname="127.0.0.1") as one:
        one.sendall(bytes([0x10, len(body) % 128 + 128, len(body) // 128]) + body)
        assert one.recv(200)[:1] == b"\x20", "it has been let in"


def attack(chance, good, bad, n):
    if chance.random() < 0.5:
        bad.client.subscribe(chance.choice(THEFTS), 1)
        return
    forged = {"v": 1, "gw": good.uuid, "ids": [100000 + n, 100000 + n],
              "readings": [reading("forged", n + 1)]}
    log = {"gw": good.uuid, "first": 1, "last": 10 ** 6, "sent": 0, "boot": 1, "ts": 1}
    payload = json.dumps(chance.choice((forged, log)))
    if chance.random() < 0.05:
        leave_will(bad.broker, bad.context, chance.choice(PLACES).format(n), payload, chance.random() < 0.5)
        return
    bad.published += 1
    if chance.random() < 0.1:
        bad.send_raw(payload.encode(), site="bad", leaf="readings")
    else:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = chance.choice(PLACES).format(n)
        bad.client.publish(chance.choice(PLACES).format(n), payload, qos=1, retain=chance.random() < 0.3,
                           properties=properties if chance.random() < 0.3 else None)


def attacks(bench):
    """10,000, half of them subscriptions, drawn by a seed; afterwards the good one's readings are all
    there, and nothing that it did not send. Whose a uuid is, is who first sent it: the good one has
    done that before."""
    folder = bench.folder / "attacked"
    folder.mkdir()
    broker = bench.start(CountyBroker(folder))
    bench.start(Program(folder, "baiye-ingest", "a", broker, bench.database,
                        **program_keys(broker, "ingest")))
    good, bad = Peer(broker, "good"), Peer(broker, "bad")
    all_of(bench, good)
    heard, bad.published = [], 0
    bad.broker, bad.context = broker, broker.tls(broker.gateways, "bad")
    bad.client.on_message = lambda _c, _d, message: heard.append(message)
    chance = random.Random(7)
    for n in range(10000):
        if n % 100 == 0:
            first, last = good.keep(*[reading("plot-1", len(good.records) + k + 1) for k in range(5)])
            good.send(first, last)
        attack(chance, good, bad, n)
    delivered(bad)
    all_of(bench, good)
    delivered(bad)
    passed = bench.database.number(
        f"SELECT (SELECT count(*) FROM stream WHERE device = 'forged') + (SELECT count(*) FROM gateway"
        f" WHERE gw = '{good.uuid}' AND (last = 1000000 OR upper(ids) > 100000))")
    return passed + sum("good" in message.topic for message in heard)


class Found(dict):
    """Figures, each printed with its bound when it is there."""

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        print(f"{key}={value:.3g}{self.bound(key)}{'' if self.within(key) else '  <-- NOT WITHIN IT'}", flush=True)

    @staticmethod
    def bound(key):
        return f"  at least {AT_LEAST[key]}" if key in AT_LEAST else f"  at most {AT_MOST[key]}" if key in AT_MOST else ""

    def within(self, key):
        return AT_LEAST.get(key, self[key]) <= self[key] <= AT_MOST.get(key, self[key])


def main():
    argparse.ArgumentParser(prog="tools/bench county", description=__doc__.split("\n")[0]).parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-bench-"))
    bench = Bench(folder)
    try:
        found = Found()
        (found["ingest_ratio"], found["single_ratio"], found["duplicate_ratio"],
         found["readings_s"]) = ratios(bench)
        found["lag_p99_ms"], found["lag_p50_ms"], found["rss_mb"] = lag(bench)
        found["day_lost"] = put_back(bench)
        found["lost"], found["doubled"], found["healed_batches"] = kills(bench)
        found["undone"], found["undone_s"] = undone(bench)
        found["county_rss_mb"] = county_rss(bench)
        found["attacks_passed"] = attacks(bench)
        (folder / "storm").mkdir()
        found["storm_s"] = storm(folder / "storm")
        wrong = [f"{key}={value:.3g} ({found.bound(key).strip()})" for key, value in found.items() if not found.within(key)]
        print(f"not within its bound: {', '.join(wrong) or 'none'}")
        print("county: " + " ".join(f"{key}={value:.3g}" for key, value in found.items()), flush=True)
    finally:
        bench.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
