# SPDX-License-Identifier: Apache-2.0
"""A backlog drains into mosquitto while live values go on: how fast against a bare Paho client with
the same messages beside the same live values, how old these get, what memory it takes; then the
latency at rest. Beside the speeds stands the processor time that a reading costs, broker included:
a speed depends on what else the machine does, and on how fast it wakes a sleeping core; this hardly
does."""
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/faults")]

import garden  # noqa: E402
import paho.mqtt.client as paho  # noqa: E402
from gateway import Gateway  # noqa: E402

BACKLOG = 1_000_000
WINDOW = 12  # messages of readings that the publisher has in flight
MESSAGE = 49152  # bytes of its longest


class Ages:
    """Notes how old live values and readings are when they arrive."""

    def __init__(self, broker, topic):
        self.ages, self.lock, ready = [], threading.Lock(), threading.Event()
        self.began = time.time() * 1000  # what was measured before is not of this run
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.username_pw_set("watcher", broker.passwords["watcher"])
        self.client.on_message = self._message
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.subscribe(f"baiye/{garden.SITE}/{topic}", qos=1)
        self.client.loop_start()
        assert ready.wait(10)

    def _message(self, _client, _data, message):
        now = time.time() * 1000
        body = json.loads(message.payload)
        stamps = [body["ts"]] if "ts" in body else [r["ts"] for r in body["readings"] if "ts" in r]
        if not message.retain:
            with self.lock:
                self.ages += [now - stamp for stamp in stamps if stamp > self.began]

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()

    def p99(self):
        with self.lock:
            ages = sorted(self.ages)
        return ages[int(len(ages) * 0.99)] if ages else float("nan")


def pss_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def cpu_s(*pids):
    """Processor time of all threads of these processes, in seconds."""
    return sum(int(thread.read_text().split()[0]) for pid in pids
               for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def threads(*pids):
    """Processor time of each by its thread's name, in seconds."""
    found = {}
    for pid in pids:
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            name = (thread / "comm").read_text().strip()
            found[name] = found.get(name, 0) + int((thread / "schedstat").read_text().split()[0])
    return {name: spent / 1e9 for name, spent in found.items()}


def fill(gateway):
    for _ in range(BACKLOG // 5000):
        taken = gateway.put(5000)
        gateway.wait_stored(taken - 10000)
    gateway.wait_stored(BACKLOG)


def drain(gateway, broker):
    """Readings a second, processor time of one and whose it is, their bytes, and the memory of all
    processes."""
    gateway.wait_state("up")
    began, first = time.monotonic(), gateway.stats()["brokers"][0]
    pids = gateway.child.pid, first["pid"], broker.child.pid
    cpu, parts, most, looks = cpu_s(*pids), threads(*pids), 0, 0
    gateway.ask("rate 100")  # each device once a second
    while True:
        own = gateway.stats()["brokers"][0]
        if own["cursor"] > BACKLOG:
            break
        looks += 1
        if looks % 10 == 1:  # takes time of the same two cores
            most = max(most, pss_kb(gateway.child.pid) + pss_kb(own["pid"]))
        time.sleep(0.01)  # all of it takes little more than half a second
    took, cpu = time.monotonic() - began, cpu_s(*pids) - cpu
    spent = {name: now - parts.get(name, 0) for name, now in threads(*pids).items()}
    time.sleep(1.2)  # the counts come once a second
    own = gateway.stats()["brokers"][0]
    done = max(1, BACKLOG + 1 - first["cursor"])
    print("processor time of a drained reading, us: " +
          ", ".join(f"{name} {1e6 * part / done:.2f}" for name, part in spent.items()))
    return done / took, cpu / done, (own["bytes"] - first["bytes"]) / done, most / 1024


def bare(broker):
    """The same of a client that does nothing else."""
    def used():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime + cpu_s(broker.child.pid)
    before = used()
    rate = float(subprocess.run(
        [garden.program("bench-paho"), str(broker.port), "gateway", broker.passwords["gateway"],
         str(BACKLOG), str(MESSAGE), str(WINDOW)],
        check=True, capture_output=True, text=True).stdout)
    return rate, (used() - before) / BACKLOG


def backlog(folder, broker):
    """One backlog, then the bare client thrice, all beside the same live values."""
    gateway = Gateway(folder, *Gateway.broker_arguments(broker), "--devices", 100, "--values", 10,
                      "--max-size", 512 << 20, "--commit-every", 1000)
    try:
        fill(gateway)
        broker.start()
        live = Ages(broker, "dev/+/live")
        drained, age = drain(gateway, broker), live.p99()
        runs = [bare(broker) for _ in range(3)]
        live.close()
        assert gateway.quit() == 0
    finally:
        gateway.kill()
    return *drained, age, *(statistics.median(values) for values in zip(*runs))


def rest(folder, broker):
    """Latency with nothing in the way: live, and readings beyond the commit interval."""
    (folder / "rest").mkdir()
    gateway = Gateway(folder / "rest", *Gateway.broker_arguments(broker), "--devices", 20,
                      "--commit-every", 200, "--rate", 20)
    try:
        gateway.wait_state("up")
        time.sleep(1.5)
        live, readings = Ages(broker, "dev/+/live"), Ages(broker, "readings")
        time.sleep(15)
        live.close()
        readings.close()
        assert gateway.quit() == 0
    finally:
        gateway.kill()
    return live.p99(), readings.p99() - 200


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-bench-", dir=ROOT / "build"))
    broker = garden.Broker(folder)
    try:
        rate, cpu, size, pss, live_age, bare_rate, bare_cpu = backlog(folder, broker)
        lat, readings = rest(folder, broker)
    finally:
        if broker.running():
            broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"drained {rate:.0f} readings/s of {size:.0f} bytes, bare Paho "
          f"{bare_rate:.0f}/s; processor time of a reading {cpu * 1e6:.2f} us, bare "
          f"{bare_cpu * 1e6:.2f} us")
    print(f"publish: drain_ratio={rate / bare_rate:.2f} cpu_ratio={bare_cpu / cpu:.2f} "
          f"live_age_p99_ms={live_age:.0f} "
          f"lat_p99_ms={lat:.1f} readings_beyond_commit_p99_ms={readings:.1f} pss_mb={pss:.1f}")


if __name__ == "__main__":
    main()
