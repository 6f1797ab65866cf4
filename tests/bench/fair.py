# SPDX-License-Identifier: Apache-2.0
"""What one user's flood costs everybody else: a gateway with some weeks of readings in its store,
polling 20 units a second, at rest and while one farmer asks for raw history, notes picks, makes
other calls, exports CSV and guesses passwords, all at once and as fast as they go.

commit_p99_ms      from the poll to the reading in `readings` (commit_every is 200 ms), in the flood
live_p99_ms        from the poll to `live`
other_user_p99_ms  a call of another user to its answer
*_rest             the same at rest
stored             of 100 readings taken in the flood, so many were stored
bound              1: each is at most twice its value at rest and 50 ms
"""
import argparse
import base64
import http.client
import json
import os
import pathlib
import secrets
import shutil
import sys
import tempfile
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import _lines

sys.path.insert(0, str(_lines.ROOT / "tests/faults"))

import garden  # noqa: E402
import gateway as store_only  # noqa: E402

UNITS, STORED, PIECE = 20, 400_000, 5_000
WARM_UP_S = 4


def fill(folder):
    """Weeks of readings of plot-0 to plot-7, as buses would have brought them."""
    began_ms = int(time.time() * 1000) - 40 * 86400_000
    filler = store_only.Gateway(folder, "--at", began_ms, "--values", 10)
    for count in range(PIECE, STORED + 1, PIECE):
        filler.put(PIECE)
        filler.wait_stored(count, 60)
    filler.child.stdin.close()
    filler.child.wait(30)
    return began_ms


def percentile(values, share=0.99):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("inf")


class Client:
    """One user's connection: calls, and what comes back."""

    def __init__(self, broker, user, topics=()):
        self.user, self.began, self.took = user, {}, []
        self.commit, self.live = [], []
        self.ready = threading.Event()
        self.client = paho.Client(f"fair-{secrets.token_hex(4)}", protocol=paho.MQTTv5)
        self.client.username_pw_set(user, broker.passwords[user])
        self.client.on_message = self._message
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.connect("127.0.0.1", broker.port, keepalive=60)
        self.client.loop_start()
        self.client.subscribe([(topic, 1) for topic in
                               (f"baiye/{garden.SITE}/answer/{user}/#", *topics)])
        assert self.ready.wait(10)

    def _message(self, _client, _data, message):
        now = time.time() * 1000
        if "/answer/" in message.topic:
            began = self.began.pop(getattr(message.properties, "CorrelationData", b""), None)
            if began is not None:
                self.took.append((time.monotonic() - began) * 1000)
        elif message.topic.endswith("/readings"):
            self.commit += [now - r["ts"] for r in json.loads(message.payload)["readings"]
                            if "ts" in r]
        elif not message.retain:
            self.live.append(now - json.loads(message.payload)["ts"])

    def call(self, method, arguments):
        correlation = secrets.token_bytes(8)
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"baiye/{garden.SITE}/answer/{self.user}/1"
        properties.CorrelationData = correlation
        self.began[correlation] = time.monotonic()
        self.client.publish(f"baiye/{garden.SITE}/rpc/{self.user}/{method}",
                            json.dumps(arguments), qos=1, properties=properties)

    def late(self):
        """Calls without an answer count with the time that they have waited."""
        now = time.monotonic()
        return [(now - began) * 1000 for began in list(self.began.values())]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Flood:
    def __init__(self, broker, port, began_ms):
        self.broker, self.port, self.began_ms = broker, port, began_ms
        self.stop = threading.Event()
        token = f"farmer:{broker.passwords['farmer']}".encode()
        self.basic = {"Authorization": "Basic " + base64.b64encode(token).decode()}
        self.threads = [threading.Thread(target=work) for work in
                        (self._calls, self._csv, self._csv, self._csv, self._guess)]
        for thread in self.threads:
            thread.start()

    def _calls(self):
        client, n = Client(self.broker, "farmer"), 0
        while not self.stop.wait(1 / 60):
            n += 1
            client.call("history", {"device": f"plot-{n % 8}", "metric": "air_temperature",
                                    "from": self.began_ms, "to": int(time.time() * 1000)})
            client.call("pick", {"id": f"fair-{n}", "plot": "upper", "day": "2026-04-01",
                                 "kg": 1, "pickers": 1})
            client.call("devices", {})
        client.close()

    def _get(self, path, headers):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            while answer.read(65536) and not self.stop.is_set():
                pass
            connection.close()
        except (OSError, http.client.HTTPException):
            pass  # refused: that is one way to be fair

    def _csv(self):
        while not self.stop.wait(0.01):
            self._get(f"/export.csv?device=plot-1&from={self.began_ms}&to={self.began_ms + 10**10}",
                      self.basic)

    def _guess(self):
        while not self.stop.wait(0.02):
            guess = base64.b64encode(b"farmer:" + secrets.token_hex(4).encode()).decode()
            self._get("/metrics", {"Authorization": "Basic " + guess})

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(20)


def measure(site, seconds, began_ms):
    other = Client(site.broker, "watcher", [f"baiye/{garden.SITE}/readings",
                                            f"baiye/{garden.SITE}/dev/+/live"])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        other.call("history", {"device": "plot-0", "metric": "air_temperature", "step": "hour",
                               "from": began_ms, "to": began_ms + 86400_000})
        time.sleep(0.2)
    time.sleep(1)
    found = {"commit": percentile(other.commit), "live": percentile(other.live),
             "other_user": percentile(other.took + other.late())}
    found["readings"] = len(other.commit) / seconds
    other.close()
    return found


def start(site):
    site.start_broker(users=("gateway", "watcher", "farmer"))
    site.start_field([{"name": "net-1", "type": "tcp", "quiet": True,
                       "units": [{"kind": "responder", "address": 1, "count": UNITS}]}])
    devices = [{"name": f"plot-{unit - 1}", "profile": "responder", "address": unit, "every": "1s"}
               for unit in range(1, UNITS + 1)]
    port = garden.free_port()
    site.gateway = garden.Gateway(
        site.folder, site.broker,
        [{"name": "net-1", "type": "tcp", "port": site.field.port("net-1"), "devices": devices}],
        profiles=str(_lines.write_profile(site.folder)), http={"listen": f"127.0.0.1:{port}"},
        plots=[{"name": "upper", "devices": ["plot-0"]}])
    site.gateway.start()
    time.sleep(WARM_UP_S)
    assert site.gateway.running(), site.gateway.log()[-3000:]
    return port


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    seconds = parser.parse_args().seconds
    os.environ.setdefault("BAIYE_CLOCK", "trusted")
    site = garden.Site(pathlib.Path(tempfile.mkdtemp(prefix="baiye-")))
    try:
        began_ms = fill(site.folder)
        port = start(site)
        rest = measure(site, seconds, began_ms)
        flood = Flood(site.broker, port, began_ms)
        busy = measure(site, seconds, began_ms)
        flood.end()
    finally:
        site.close()
        shutil.rmtree(site.folder, ignore_errors=True)
    keys = ("commit", "live", "other_user")
    bound = all(busy[key] <= 2 * rest[key] + 50 for key in keys)
    print("fair: " + " ".join(f"{key}_p99_ms={busy[key]:.0f} {key}_rest_ms={rest[key]:.0f}"
                              for key in keys)
          + f" stored={100 * busy['readings'] / rest['readings']:.0f} bound={int(bound)}")


if __name__ == "__main__":
    main()
