# SPDX-License-Identifier: Apache-2.0
"""Who sits at a broker that is not the farm's may ask only for what the configuration grants, by
whatever name, subscribed to or not."""
import json
import pathlib
import struct
import sys

import pytest

from garden import SITE, Gateway, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
from scripted import ScriptedBroker, read_varint, varint  # noqa: E402

PROBES = [{"name": "east", "baud": 9600, "units": [
    {"kind": "xy-md02", "address": 1, "name": "air"}]}]


class County(ScriptedBroker):
    """A broker elsewhere: notes what is subscribed to, and asks whatever it likes."""
    def __init__(self):
        super().__init__()
        self.subscribed, self.answers = [], []

    def _packet(self, link):
        kind, body = super()._packet(link)
        if kind >> 4 == 8:
            size = struct.unpack(">H", body[3:5])[0]
            self.subscribed.append(body[5:5 + size].decode())
        if kind >> 4 == 3:
            size = struct.unpack(">H", body[:2])[0]
            topic, at = body[2:2 + size].decode(), 4 + size
            properties, at = read_varint(body, at)
            if "/answer/" in topic:
                self.answers.append(json.loads(body[at + properties:]))
        return kind, body

    def ask(self, method, user="technician", **arguments):
        topic = f"baiye/{SITE}/answer/{user}/1".encode()
        properties = b"\x08" + struct.pack(">H", len(topic)) + topic
        asked = f"baiye/{SITE}/rpc/{user}/{method}".encode()
        body = (struct.pack(">H", len(asked)) + asked + varint(len(properties)) + properties +
                json.dumps(arguments).encode())
        before = len(self.answers)
        self._send(self.link, b"\x30" + varint(len(body)) + body)
        wait_until(lambda: len(self.answers) > before, 10, f"an answer to {method}")
        return self.answers[-1]


@pytest.fixture
def county():
    broker = County()
    yield broker
    broker.stop()


def begin(site, county, **keys):
    site.start_broker()
    site.start_field(PROBES)
    site.start_watcher()
    gateway = Gateway(site.folder, site.broker, site.buses("1s"))
    gateway.config["mqtt"].append({"name": "county", "url": f"mqtt://127.0.0.1:{county.port}",
                                   **keys})
    gateway.write_config()
    site.gateway = gateway
    gateway.start()
    wait_until(lambda: county.count() >= 2, 30, "readings come")


def code(answer):
    return answer.get("error", {}).get("code")


def test_with_none_nothing_is_asked_for_nor_answered(site, county, needs):
    needs("baiye-field", "baiyed")
    begin(site, county, requests="none")
    assert not [topic for topic in county.subscribed if "/rpc/" in topic]
    for _ in range(3):
        county.deliver(f"baiye/{SITE}/rpc/technician/stats", b"{}")
    seen = county.count()
    wait_until(lambda: county.count() > seen, 10, "readings go on")
    assert not county.answers


def test_with_resend_readings_come_again_and_no_more(site, county, needs):
    needs("baiye-field", "baiyed")
    begin(site, county, requests="resend")
    _, boot, seq = next(iter(county.taken))
    assert county.ask("resend", user="nobody", device="air", boot=boot,
                      **{"from": seq, "to": seq}) == {"found": 1}
    assert "ts" in county.ask("time", user="nobody")
    for method in ("stats", "devices", "history", "read", "write", "ack", "pick", "update", "raw"):
        assert code(county.ask(method)) in ("forbidden", "unknown-method"), method


def test_with_county_all_names_are_one_role_that_touches_no_line(site, county, needs):
    needs("baiye-field", "baiyed")
    begin(site, county, requests="county")
    for user in ("technician", "farmer", "nobody"):
        assert "store" in county.ask("stats", user=user)
        assert code(county.ask("write", user=user, device="air", name="address", value=7)) == \
            "forbidden"
        assert code(county.ask("read", user=user, device="air", name="address")) == "forbidden"
        assert code(county.ask("ack", user=user, id="x")) == "forbidden"
