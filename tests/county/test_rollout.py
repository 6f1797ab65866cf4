# SPDX-License-Identifier: Apache-2.0
"""Configurations from the county: rolled out by rings, confirmed when a gateway answers by the new
one, undone by the gateway itself when it can't; and no reading is lost by it."""
import hashlib
import json
import subprocess
import threading
import time
import uuid

import pytest
import yaml

import garden
from county import Fleet, reading
from garden import wait_until
from test_holes import real_gateway


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Gateways(Fleet):
    """As they behave: each tries what it is sent, and goes back unless it is confirmed. By
    one that is bad it is cut off, and holds its readings until it has gone back."""

    def __init__(self, broker, count):
        self.lock = threading.RLock()
        self.sites = {f"farm-{n}": {"yaml": f"site: farm-{n}\n", "trial": None, "undone": None,
                                    "gw": str(uuid.uuid4()), "records": [], "sent": 0, "tried": 0}
                      for n in range(1, count + 1)}
        self.asked = []
        super().__init__(broker)

    def is_off(self, one):
        return one["trial"] is not None and "bad" in one["trial"][0]

    def go_back(self):
        """Those whose time is up."""
        with self.lock:
            for one in self.sites.values():
                if one["trial"] and time.monotonic() > one["trial"][1]:
                    one["undone"] = {"sha256": sha256(one["trial"][0]), "why": "in time"}
                    one["trial"] = None

    def answer(self, site, method, body):
        self.go_back()
        with self.lock:
            one = self.sites.get(site)
            if one is None or self.is_off(one):
                return None
            self.asked.append((site, method))
            return getattr(self, method)(one, body)

    def config(self, one, body):
        if one["trial"]:
            return {"error": {"code": "busy", "message": "busy", "hint": ""}}
        if body["sha256_old"] != sha256(one["yaml"]):
            return {"error": {"code": "changed", "message": "another sha256", "hint": ""}}
        if "wrong" in body["yaml"]:
            return {"error": {"code": "refused", "message": "baiye.yaml:3: wrong", "hint": ""}}
        one["tried"] += 1
        one["trial"] = (body["yaml"], time.monotonic() + body["confirm_s"])
        return {"sha256": sha256(body["yaml"]), "confirm_s": body["confirm_s"], "boot": 1}

    def config_confirm(self, one, body):
        if one["trial"] and sha256(one["trial"][0]) == body["sha256"]:
            one["yaml"], one["trial"] = one["trial"][0], None
        if sha256(one["yaml"]) == body["sha256"]:
            return {"sha256": body["sha256"]}
        return {"error": {"code": "unknown", "message": "not tried", "hint": ""}}

    def config_state(self, one, body):
        trial = one["trial"] and {"sha256": sha256(one["trial"][0]), "via": "county", "left_s": 1}
        return {"sha256": sha256(one["yaml"]), "trial": trial, "undone": one["undone"],
                **({"yaml": one["yaml"]} if body.get("yaml") else {})}

    def read(self):
        """Each gateway takes one reading, and sends what it has if it can."""
        self.go_back()
        with self.lock:
            for site, one in self.sites.items():
                one["records"].append(reading("plot-1", len(one["records"]) + 1))
                if self.is_off(one):
                    continue
                first, last = one["sent"] + 1, len(one["records"])
                self.publish(site, "readings", {"v": 1, "gw": one["gw"], "ids": [first, last],
                                                "readings": one["records"][first - 1:]})
                one["sent"] = last

    def with_yaml(self, text):
        return sum(text in one["yaml"] for one in self.sites.values())


@pytest.fixture
def fleet(broker, database, ingest):
    ingest()
    running = Gateways(broker, 100)
    yield running
    running.stop()


class Operator:
    def __init__(self, folder, running):
        self.folder, self.running, self.config = folder, running, running.config
        (folder / "wanted").mkdir()

    def __call__(self, *words, code=0):
        done = subprocess.run([garden.program("baiye-county"), self.config, "config",
                               *map(str, words)], capture_output=True, text=True, timeout=300,
                              check=False)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    def put(self, fleet, line, database, *words):
        """The same line more for all, as if each had been got."""
        for site, one in fleet.sites.items():
            (self.folder / "wanted" / f"{site}.yaml").write_text(one["yaml"] + line + "\n")
            database(f"INSERT INTO config_seen (site, wanted, sha256, yaml) VALUES ('{site}',"
                     f" false, '{sha256(one['yaml'])}', '') ON CONFLICT (site) DO UPDATE"
                     " SET sha256 = excluded.sha256")
        return self("put", self.folder / "wanted", *words)

    def states(self, number):
        return [line.split("\t")[2] for line in self("show", number).splitlines()]


@pytest.fixture
def operator(county, tmp_path, fleet):
    return Operator(tmp_path, county())


def ended(operator, number, *states):
    return {*operator.states(number)} == {*states}


def test_a_good_one_comes_to_all_ring_by_ring(fleet, operator, database):
    assert operator.put(fleet, "label: new", database, "--confirm", 60) == \
        "roll-out 1: 100 gateways\n"
    rings = [int(r) for (r,) in database.rows(
        "SELECT count(*) FROM wanted GROUP BY ring ORDER BY ring")]
    assert rings == [1, 9, 90]
    wait_until(lambda: ended(operator, 1, "confirmed"), 600, "all have it")
    assert fleet.with_yaml("label: new") == 100
    first = [site for site, method in fleet.asked if method == "config"]
    assert len(first) == 100, "each once"
    ring_of = dict(database.rows("SELECT site, ring FROM wanted"))
    assert [ring_of[site] for site in first] == sorted(ring_of[site] for site in first)
    wait_until(lambda: "done" in operator("list"), 120, "it is done")


def whole(database, fleet):
    """Each reading that was taken is there once."""
    taken = sum(len(one["records"]) for one in fleet.sites.values())
    wait_until(lambda: database.number("SELECT count(*) FROM reading") == taken, 120,
               "as many as were taken")
    assert database.number("SELECT count(*) FROM hole") == 0
    assert database("SELECT count(*) = count(DISTINCT (stream, seq)) FROM reading") == "t"


def test_a_bad_one_is_undone_at_a_hundred_and_no_reading_is_lost(fleet, operator, database):
    operator.put(fleet, "bad: true", database, "--confirm", 10, "--at-once", "--stop", 100)
    deadline = time.monotonic() + 900
    while set(operator.states(1)) != {"undone"}:
        assert time.monotonic() < deadline, operator("list")
        fleet.read()
    fleet.read()
    assert [one["tried"] for one in fleet.sites.values()] == [1] * 100
    assert fleet.with_yaml("bad") == 0
    whole(database, fleet)


def test_it_stops_when_the_first_has_failed(fleet, operator, database):
    operator.put(fleet, "bad: true", database, "--confirm", 10)
    wait_until(lambda: "stopped" in operator("list"), 600, "it is stopped")
    states = operator.states(1)
    assert states.count("waiting") == 99
    assert sum(one["tried"] for one in fleet.sites.values()) == 1
    wait_until(lambda: "undone" in operator.states(1), 600, "the one has gone back")
    operator("go", 1)
    wait_until(lambda: "stopped" in operator("list"), 20, "too many have failed, still")


def test_what_is_refused_says_why(fleet, operator, database):
    operator.put(fleet, "wrong: true", database)
    wait_until(lambda: "stopped" in operator("list"), 120, "it is stopped")
    assert "refused" in operator("show", 1) and "baiye.yaml:3: wrong" in operator("show", 1)


def test_another_one_leads_on_when_the_first_is_killed(fleet, operator, database, county):
    other = county("b")
    operator.put(fleet, "label: new", database, "--at-once")
    wait_until(lambda: fleet.with_yaml("label: new") > 0, 120, "it has begun")
    operator.running.kill()
    wait_until(lambda: ended(operator, 1, "confirmed"), 600, "all have it")
    assert other.running()


def test_a_gateway_says_its_file_and_it_must_be_known_before(fleet, operator, database):
    assert operator("get", "farm-7") == "site: farm-7\n"
    wanted = operator.folder / "wanted"
    (wanted / "farm-7.yaml").write_text("site: farm-7\nlabel: new\n")
    (wanted / "farm-8.yaml").write_text("site: farm-8\nlabel: new\n")
    assert "farm-8" in operator("put", wanted, code=69)
    assert database.number("SELECT count(*) FROM rollout") == 0, "all or nothing"
    (wanted / "farm-8.yaml").unlink()
    number = operator("put", wanted).split()[1].rstrip(":")
    wait_until(lambda: ended(operator, number, "confirmed"), 120, "it has it")
    assert fleet.sites["farm-7"]["yaml"] == "site: farm-7\nlabel: new\n"
    assert fleet.with_yaml("label") == 1


@pytest.mark.parametrize("words", [[], ["x"], ["put"], ["show", "x"], ["show", "1; DROP TABLE wanted"],
                                   ["put", "/nowhere"], ["put", "/tmp", "--stop", "0"],
                                   ["stop", "99"], ["go", "-1"], ["list", "x"]])
def test_words_that_are_none_are_said(operator, words):
    assert operator(*words, code=69).startswith("baiye-county: ")


def test_answers_of_others_and_junk_change_nothing(fleet, operator, database):
    fleet.client.unsubscribe("baiye/+/rpc/county/#")
    operator.put(fleet, "label: new", database, "--at-once", "--stop", 100)
    wait_until(lambda: database.number("SELECT count(*) FROM wanted WHERE state = 'asked'") == 100,
               120, "all are asked")
    number = database("SELECT id FROM wanted WHERE site = 'farm-1'")
    for kind in "ckSsrx":
        for body in ('{"sha256":"1"}', "", "[]", "{}", '{"sha256":1}', '{"error":1}',
                     '{"error":{"code":7}}', '{"sha256":"x","yaml":"y"}'):
            fleet.client.publish(f"baiye/farm-2/answer/county/{kind}{number}", body, qos=1)
    fleet.client.publish("baiye/farm-1/answer/county/c99999999999999999999", "{}", qos=1)
    info = fleet.client.publish(f"baiye/farm-1/answer/county/c{number}",
                                '{"error":{"code":"refused","message":"\\u0007 no"}}', qos=1)
    info.wait_for_publish(10)
    wait_until(lambda: database.number(
        "SELECT count(*) FROM wanted WHERE state = 'refused'") == 1, 120, "its own answer counts")
    assert database.number("SELECT count(*) FROM wanted WHERE state = 'asked'") == 99
    assert database.number("SELECT count(*) FROM config_seen WHERE yaml <> ''") == 0


def test_real_gateways_go_back_by_themselves(database, broker, ingest, county, site, needs,
                                             tmp_path):
    """One that names a broker that is not there is tried, cuts it off, and is undone."""
    needs("baiyed", "baiye-field")
    ingest()
    (tmp_path / "state").mkdir()
    gateway = real_gateway(broker, site, state=tmp_path / "state")
    operator = Operator(tmp_path, county())
    before = gateway.config_path.read_text()
    wait_until(lambda: database.number("SELECT count(*) FROM reading") > 3, 120, "readings arrive")
    assert operator("get", garden.SITE) == before
    config = yaml.safe_load(before)
    config["mqtt"][0]["url"] = "mqtt://127.0.0.1:9"
    (tmp_path / "wanted" / f"{garden.SITE}.yaml").write_text(yaml.safe_dump(config))
    operator("put", tmp_path / "wanted", "--confirm", 15)
    wait_until(lambda: operator.states(1) == ["undone"], 600, operator("show", 1))
    assert gateway.config_path.read_text() == before
    config = {**yaml.safe_load(before), "label": "new"}
    good = yaml.safe_dump(config)
    (tmp_path / "wanted" / f"{garden.SITE}.yaml").write_text(good)
    operator("put", tmp_path / "wanted")
    wait_until(lambda: operator.states(2) == ["confirmed"], 600, operator("show", 2))
    assert gateway.config_path.read_text() == good
    count = database.number("SELECT count(*) FROM reading")
    wait_until(lambda: database.number("SELECT count(*) FROM reading") > count + 5, 120, "it goes on")
    wait_until(lambda: database.number("SELECT count(*) FROM hole") == 0 and
               database.number("SELECT count(*) FROM missing") == 0, 120, "no reading is missing")
