# SPDX-License-Identifier: Apache-2.0
"""Node firmware by rings: in parts to each gateway, the next ring when the one before stands, stopped
by itself when it does not; gateways that are away, a leader that is killed; and a real gateway whose
nodes are updated."""
import base64
import hashlib
import json
import os
import subprocess
import threading

import pytest

import garden
from county import Fleet
from garden import wait_until
from test_holes import real_gateway

NAMES = [f"farm-{n}" for n in range(1, 8)]  # 1 canary, 2 and 3 early, the others stable
BOARD = 0x4E410001


def board_of(head):
    """Of the first image of a file, whose signed head it is."""
    head = base64.b64decode(head)
    assert len(head) == 128
    return int.from_bytes(head[8:12], "big")


class Gateways(Fleet):
    """As they behave: each takes parts in order, starts, and says how it stands. `board`: of its two
    nodes; `fate`: what they come to; none of it is said by one that is away."""

    def __init__(self, broker):
        self.lock = threading.RLock()
        self.sites = {name: {"sha256": "", "size": 0, "body": b"", "running": 0, "outcome": None, "board": BOARD,
                             "fate": {"updated": 2}, "away": False, "error": None, "forgets": False}
                      for name in NAMES}
        self.asked, self.parts = [], {name: [] for name in NAMES}
        super().__init__(broker)

    def heard(self):
        for n, name in enumerate(NAMES):
            self.beat(name, f"00000000-0000-4000-8000-{n:012}")

    def answer(self, site, method, body):
        with self.lock:
            one = self.sites[site]
            self.asked.append((site, method))
            if not one["away"] and method.startswith("firmware_"):
                return self.answer_of(site, one, method, body)
        return None

    def answer_of(self, site, one, method, body):
        if one["error"] and method in one["error"]:
            code = one["error"][method]
            return {"error": {"code": code, "message": f"it says {code}", "hint": ""}}
        if "head" in body and board_of(body["head"]) != one["board"]:
            return {"error": {"code": "none", "message": "no node here is such a board", "hint": ""}}
        if method == "firmware_part":
            if body["sha256"] != one["sha256"]:
                one.update(sha256=body["sha256"], size=body["size"], body=b"")
            if "data" in body:
                assert body["at"] == len(one["body"])
                one["body"] = b"" if one["forgets"] else one["body"] + base64.b64decode(body["data"])
                self.parts[site].append(body["at"])
        elif method == "firmware_start":
            assert hashlib.sha256(one["body"]).hexdigest() == body["sha256"], "all of it came"
            one.update(running=2, outcome=None)
        elif method == "firmware_stop":
            one["running"] = 0
        elif one["running"] > 0:
            one["running"] -= 1
            if one["running"] == 0:
                one["outcome"] = one["fate"]
        bad = [{"device": "plot-1", "state": "failed", "reason": "its self-test failed", "firmware": ""}]
        outcome = one["outcome"] and {
            "sha256": one["sha256"], "version": "0.2.0", "stopped": False, "counts": one["fate"],
            "nodes": [] if set(one["fate"]) <= {"updated", "current", "skipped"} else bad}
        return {"sha256": one["sha256"], "size": one["size"], "have": len(one["body"]), "part": 16384,
                "nodes": 2, "running": one["running"] > 0, "permille": 500, "phase": "sending",
                "plan": {"limit": 0, "used": 0, "needs": 0}, "outcome": outcome}

    def began(self):
        with self.lock:
            return [site for site, method in self.asked if method == "firmware_start"]


@pytest.fixture
def fleet(broker, database, ingest):
    ingest()
    running = Gateways(broker)
    running.heard()
    wait_until(lambda: database.number("SELECT count(*) FROM gateway") == len(NAMES), 120, "all are known")
    yield running
    running.stop()


class Operator:
    def __init__(self, folder, county):
        self.folder, self.running = folder, county()

    def __call__(self, *words, code=0, language="C"):
        done = subprocess.run([garden.program("baiye-county"), self.running.config, *map(str, words)],
                              capture_output=True, text=True, timeout=300, check=False,
                              env={**os.environ, "LC_ALL": language})
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    def put(self, *words, version="0.2.0", code=0):
        return self("firmware", "put", garden.native_image(self.folder, version), "--soak", 2, *words, code=code)

    def rows(self, number=1):
        return {line.split("\t")[0]: line.split("\t") for line in self("firmware", "show", number).splitlines()}

    def states(self, number=1):
        return {site: row[2] for site, row in self.rows(number).items()}

    def said(self, number=1):
        return next(line for line in self("firmware", "list").splitlines() if line.startswith(f"{number}\t"))


@pytest.fixture
def operator(county, tmp_path, fleet):
    run = Operator(tmp_path, county)
    run("upgrade", "canary", NAMES[0])
    run("upgrade", "early", *NAMES[1:3])
    return run


def test_it_goes_through_the_rings_and_comes_once_to_each(fleet, operator):
    said = operator.put()
    assert "0.2.0 for board 0x4E410001, 1 canary, 2 early, 4 stable; " in said and "kB of the data of each" in said
    assert "is not over" in operator.put(version="0.3.0", code=69)
    wait_until(lambda: set(operator.states().values()) == {"done"}, 300, "all have it")
    began = fleet.began()
    assert began[0] == NAMES[0] and set(began[1:3]) == set(NAMES[1:3]) and sorted(began) == sorted(NAMES)
    assert all(at == sorted(set(at)) for at in fleet.parts.values()), "each part once, in order"
    wait_until(lambda: "\tdone\t" in operator.said(), 60, "it is done")
    assert operator("firmware", "boards").splitlines() == [
        f"0x4E410001\t{ring}\t0.2.0\t{n} gateways" for ring, n in (("canary", 1), ("early", 2), ("stable", 4))]
    row = operator.rows()[NAMES[0]]
    assert row[3:6] == ["0x4E410001", "0.2.0", "100 % sent"] and row[7] == "2 updated"
    assert "firmware put" in operator("audit")


def test_it_stops_when_a_node_has_failed(fleet, operator):
    fleet.sites[NAMES[0]]["fate"] = {"updated": 1, "failed": 1}
    operator.put()
    wait_until(lambda: "\tstopped\t" in operator.said(), 120, "it is stopped")
    assert "not all nodes have it" in operator.said() and "1 of 1 gateways have failed; farm-1" in operator.said()
    for words in ("list",), ("show", 1):
        assert "不是所有节点都装上了；" in operator("firmware", *words, language="zh_CN.UTF-8"), "in the reader's language"
    assert "1 台主机失败，已开始 1 台；farm-1: " in operator("firmware", "list", language="zh_CN.UTF-8")
    assert fleet.began() == [NAMES[0]]
    operator("firmware", "go", 1)
    wait_until(lambda: "\tstopped\t" in operator.said(), 60, "too many have failed, still")
    assert fleet.began() == [NAMES[0]]


def test_a_node_that_goes_back_later_stops_it(fleet, operator, database):
    operator("firmware", "put", garden.native_image(operator.folder, "0.2.0"), "--soak", 600)
    soon = "UPDATE firmware_site SET due = now() WHERE NOT silent AND state IN ('updating', 'soaking')"
    wait_until(lambda: (database(soon), database("SELECT clean IS NOT NULL FROM firmware_site WHERE ring = 1"))[1] == "t",
               120, "its nodes have answered")
    fleet.sites[NAMES[0]]["fate"] = {"updated": 2, "fell-back": 1}
    wait_until(lambda: (database(soon), "\tstopped\t" in operator.said())[1], 120, "it is stopped")
    assert "went back to its old firmware" in operator.said() and fleet.began() == [NAMES[0]]


def test_lost_nodes_and_holes_hold_the_ring(fleet, operator, database):
    fleet.sites[NAMES[0]]["fate"] = {"updated": 2, "lost": 1}
    operator.put()
    wait_until(lambda: operator.states()[NAMES[0]] == "soaking" and operator.rows()[NAMES[0]][8] != "", 120,
               "a node does not answer")
    database("UPDATE firmware_site SET since = now() - interval '20 s', missing = -1 WHERE ring = 1")
    fleet.sites[NAMES[0]]["fate"] = {"updated": 2}  # but numbers are missing that were not before
    asked = len(fleet.asked)
    wait_until(lambda: len(fleet.asked) > asked + 3, 120, "it is looked at")
    assert fleet.began() == [NAMES[0]]
    database("UPDATE firmware_site SET missing = 0")
    wait_until(lambda: len(fleet.began()) > 1, 120, "both are well")


def test_who_is_away_holds_nobody_up_beyond_the_deadline_and_comes_later(fleet, operator, database):
    for name in NAMES[1], NAMES[5]:
        fleet.sites[name]["away"] = True
    operator.put()
    present = [name for name in NAMES if name not in (NAMES[1], NAMES[5])]
    wait_until(lambda: operator.states()[NAMES[2]] in ("updating", "soaking", "done"), 300, "who is there has begun")
    database("UPDATE firmware_rollout SET deadline_s = 1")
    wait_until(lambda: all(operator.states()[name] == "done" for name in present), 300, "the others have it")
    assert not fleet.parts[NAMES[1]], "nothing but a question is sent to who does not answer"
    assert "\tgoing\t" in operator.said()
    for name in NAMES[1], NAMES[5]:
        fleet.sites[name]["away"] = False
    database("UPDATE firmware_site SET due = now() WHERE state = 'waiting'")
    wait_until(lambda: set(operator.states().values()) == {"done"}, 300, "they have it too")


def test_nobody_in_the_first_ring_stops_it_at_its_deadline(fleet, operator):
    fleet.sites[NAMES[0]]["away"] = True
    operator.put("--deadline", 3)
    wait_until(lambda: "too few in the ring have it by its deadline: 0 of 1" in operator.said(), 120, "it is stopped")
    assert not fleet.began()


def test_pause_go_and_abort(fleet, operator, database):
    for name in NAMES[3:]:  # the last ring comes to no end by itself
        fleet.sites[name]["fate"] = {"updated": 1, "lost": 1}
    operator.put("--share", 50)
    operator("firmware", "pause", 1)
    wait_until(lambda: operator.states()[NAMES[0]] in ("waiting", "sending", "ready", "done"), 120, "it stands still")
    assert "\tpaused\t" in operator.said()
    operator("firmware", "go", 1)
    wait_until(lambda: len(fleet.began()) > 3, 300, "the last ring has begun")
    operator("firmware", "abort", 1)
    wait_until(lambda: not set(operator.states().values()) - {"done", "aborted", "soaking"}, 120, "it is over")
    operator("firmware", "go", 1, code=69)
    assert "roll-out 2" in operator.put(version="0.3.0")


def test_what_a_gateway_says_no_to(fleet, operator, database):
    fleet.sites[NAMES[0]]["error"] = {"firmware_start": "frost"}
    fleet.sites[NAMES[2]]["error"] = {"firmware_part": "refused"}
    fleet.sites[NAMES[3]]["error"] = {"firmware_part": "none"}
    operator.put("--stop", 100, "--deadline", 3)
    wait_until(lambda: operator.rows()[NAMES[0]][8] == "it says frost", 120, "it waits")
    assert operator.states()[NAMES[0]] == "ready"
    fleet.sites[NAMES[0]]["error"] = None
    database("UPDATE firmware_site SET due = now()")
    wait_until(lambda: operator.states()[NAMES[2]] == "refused", 300, "it is refused")
    wait_until(lambda: "too few in the ring have it by its deadline: 1 of 2" in operator.said(), 300, "no ring waits")
    assert set(fleet.began()) == set(NAMES[:2])
    operator("firmware", "go", 1, "--share", 50)
    wait_until(lambda: "\tdone\t" in operator.said(), 300, "the others have it")
    assert operator.states()[NAMES[3]] == "none"


def test_who_has_another_board_spends_nothing_and_holds_nobody_up(fleet, operator):
    for name in NAMES[1], NAMES[4]:
        fleet.sites[name]["board"] = 0x4E410002
    operator.put("--stop", 1, "--share", 100)
    wait_until(lambda: "\tdone\t" in operator.said(), 300, "the others have it")
    for name in NAMES[1], NAMES[4]:
        row = operator.rows()[name]
        assert row[2] == "none" and row[8] == "no node here is such a board" and not fleet.parts[name], row
    assert sorted(fleet.began()) == sorted(set(NAMES) - {NAMES[1], NAMES[4]})


def test_one_goes_before_all_others_when_the_rings_before_have_no_such_board(fleet, operator):
    for name in NAMES[:3]:
        fleet.sites[name]["board"] = 0x4E410002
    for name in NAMES[3:]:
        fleet.sites[name]["fate"] = {"updated": 1, "failed": 1}
    fleet.sites[NAMES[6]]["error"] = {"firmware_part": "refused"}
    operator.put()
    wait_until(lambda: "\tstopped\t" in operator.said(), 300, "it is stopped")
    assert "1 of 1 gateways have failed" in operator.said(), operator.said()
    first, = fleet.began()
    assert first in NAMES[3:]
    wait_until(lambda: sorted(operator.states().values()) == ["failed"] + 3 * ["none"] + 3 * ["waiting"], 60,
               "the others wait")
    assert not any(fleet.parts[name] for name in NAMES if name != first), "of no other garden's data"


def test_the_ring_of_the_first_gateways_that_take_it_is_tried_with_one(fleet, operator, database):
    fleet.sites[NAMES[0]]["board"] = 0x4E410002
    operator("firmware", "put", garden.native_image(operator.folder, "0.2.0"), "--soak", 600)
    soon = "UPDATE firmware_site SET due = now() WHERE NOT silent AND state IN ('updating', 'soaking')"
    wait_until(lambda: (database(soon), database("SELECT count(*) FROM firmware_site WHERE clean IS NOT NULL"))[1] == "1",
               120, "one has it")
    first, = fleet.began()
    other, = {NAMES[1], NAMES[2]} - {first}
    wait_until(lambda: operator.states()[other] == "waiting" and (other, "firmware_part") in fleet.asked, 60,
               "the other one is asked for its board, and waits")
    assert operator.rows()[first][1] == "canary", "it stands in for those who have no such board"
    assert {site for site, _ in fleet.asked} == set(NAMES[:3]), "the last ring is not asked"
    stood = "UPDATE firmware_site SET clean = now() - interval '1 h' WHERE clean IS NOT NULL"
    wait_until(lambda: (database(stood), database(soon), operator.states()[first] == "done")[2], 120, "it has stood")
    wait_until(lambda: len(fleet.began()) == 2, 120, "the other one follows")
    assert fleet.began() == [first, other]


def test_nobody_heard_of_with_such_a_board_stops_it_at_the_deadline(fleet, operator, database):
    fleet.sites[NAMES[0]]["board"] = fleet.sites[NAMES[1]]["board"] = 0x4E410002
    fleet.sites[NAMES[2]]["away"] = True
    operator.put()
    wait_until(lambda: [operator.states()[name] for name in NAMES[:2]] == ["none", "none"], 120, "both have said so")
    database("UPDATE firmware_rollout SET deadline_s = 1")
    wait_until(lambda: "\tstopped\t" in operator.said(), 120, "it is stopped")
    assert "has a node of this board; put one that has into canary" in operator.said(), operator.said()
    assert not fleet.began()


def test_who_never_has_what_it_was_sent_is_not_asked_at_once_again(fleet, operator, database):
    fleet.sites[NAMES[0]]["forgets"] = True
    operator.put()
    wait_until(lambda: fleet.parts[NAMES[0]] and database.number(
        "SELECT count(*) FROM firmware_site WHERE ring = 1 AND state = 'sending' AND NOT silent"
        " AND due > now() + interval '30 s'"), 120, "it waits")


def test_another_one_leads_on_when_the_first_is_killed(fleet, operator, county):
    other = county("b")
    operator.put()
    wait_until(lambda: fleet.began(), 120, "it has begun")
    operator.running.kill()
    wait_until(lambda: set(operator.states().values()) == {"done"}, 300, "all have it")
    assert other.running() and sorted(fleet.began()) == sorted(NAMES)


def test_answers_of_others_and_junk_change_nothing(fleet, operator, database):
    fleet.sites[NAMES[0]]["away"] = True
    operator.put()
    wait_until(lambda: (NAMES[0], "firmware_part") in fleet.asked, 120, "it is asked")
    number = database("SELECT id FROM firmware_site WHERE ring = 1")
    sha256 = database("SELECT sha256 FROM firmware")
    done = json.dumps({"sha256": sha256, "have": 1 << 40, "running": True})
    for site, body in [(NAMES[1], done)] + [(NAMES[0], junk) for junk in ("", "[]", "{}", '{"sha256":1}', "x")]:
        fleet.client.publish(f"baiye/{site}/answer/county/f{number}", body, qos=1)
    fleet.client.publish(f"baiye/{NAMES[0]}/answer/county/f{number}",
                         json.dumps({"sha256": sha256, "have": 1 << 40, "outcome": {"counts": 7}}), qos=1)
    wait_until(lambda: database("SELECT state FROM firmware_site WHERE ring = 1") == "sending", 60, "its own counts")
    assert database.number("SELECT have FROM firmware_site WHERE ring = 1") == 0
    assert database.number("SELECT count(*) FROM firmware_site WHERE state <> 'waiting'") == 1


WRONG = [[], ["x"], ["put"], ["put", "/nowhere"], ["put", "/dev/null", "--stop", "0"], ["show", "x"],
         ["pause", "99"], ["go", "1", "--stop"], ["go", "1", "--soak", "9"], ["go", "1"], ["abort", "-1"]]


def test_nothing_goes_to_all_that_has_not_been_to_a_few(operator, database):
    for words in WRONG:
        assert operator("firmware", *words, code=69).startswith("baiye-county: ")
    longer = garden.native_image(operator.folder, "0.9.0")
    body = longer.read_bytes()
    for wrong, why in (body + bytes(1000), "more in it than its images"), (body[:-1], "cut off"):
        longer.write_bytes(wrong)
        assert why in operator("firmware", "put", longer, code=69)
    database("DELETE FROM upgrade")
    assert "no gateway is in the ring canary" in operator.put(code=69)
    assert database.number("SELECT count(*) FROM firmware_rollout") == 0


def test_the_nodes_of_a_real_gateway_are_updated(database, broker, ingest, county, site, needs, tmp_path):
    needs("baiyed", "baiye", "baiye-field", "baiye-node", "baiye-node.img")
    ingest()
    subprocess.run(["openssl", "pkey", "-in", garden.ROOT / "firmware/boot/keys/test.pem", "-pubout", "-out",
                    site.folder / "firmware-keys.pem"], check=True)
    real_gateway(broker, site, lines=[{"name": "east", "baud": 115200, "units": [
        {"kind": "native", "address": i, "name": f"plot-{i}", "period_s": 2} for i in (1, 2)]}])
    wait_until(lambda: database.number("SELECT count(*) FROM reading") > 3, 120, "readings arrive")
    operator = Operator(tmp_path, county)
    operator("upgrade", "canary", garden.SITE)
    operator.put()
    wait_until(lambda: operator.states() == {garden.SITE: "done"}, 300, operator("firmware", "show", 1))
    assert operator.rows()[garden.SITE][7] == "2 updated"
    count = database.number("SELECT count(*) FROM reading")
    wait_until(lambda: database.number("SELECT count(*) FROM reading") > count + 5, 120, "it goes on")
    wait_until(lambda: database.number("SELECT missing_of('" + garden.SITE + "')") == 0, 120, "no reading is missing")
