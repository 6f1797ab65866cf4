# SPDX-License-Identifier: Apache-2.0
"""Another configuration from afar: tried, and undone by itself unless the county confirms it by its
own broker. Whatever happens in between, the file is what the next start goes by."""
import hashlib
import json
import os
import re
import socket
import sqlite3

import pytest
import yaml

import garden
import unit_filter
from garden import Broker, Gateway, Watcher, wait_until

SOIL = [{"name": "east", "baud": 9600, "units": [
    {"kind": "zts-3001", "address": 7, "name": "soil-7"}]}]


class Far:
    """A county at a broker of its own, and a gateway that takes its requests."""

    def __init__(self, site, folder, **control):
        (folder / "far").mkdir()
        (folder / "state").mkdir()
        self.folder = folder
        self.broker = site.add(Broker(folder / "far"))
        self.broker.start()
        site.start_broker()
        site.start_field(SOIL)
        self.gateway = site.gateway = Gateway(folder, site.broker, site.buses("500ms"))
        self.gateway.config["mqtt"].append({
            "name": "county", "url": f"mqtt://127.0.0.1:{self.broker.port}", "user": "gateway",
            "password_file": str(self.broker.password_file("gateway")), "requests": "county"})
        self.gateway.config["control"].update(control)
        self.gateway.write_config()
        self.gateway.environment["STATE_DIRECTORY"] = str(folder / "state")
        self.gateway.start()
        self.watcher = Watcher(self.broker)
        wait_until(lambda: self.watcher.count() > 2, 60, "readings arrive")

    @property
    def path(self):
        return self.gateway.config_path

    def text(self):
        return self.path.read_text()

    def changed(self, **keys):
        return yaml.safe_dump({**self.gateway.config, **keys}, sort_keys=False)

    def ask(self, method, **arguments):
        """By the county's broker, again and again until it is answered, as the county does."""
        correlations = []

        def answered():
            if len(correlations) % 10 == 0:
                correlations.append(self.watcher.request(method, arguments))
            else:
                correlations.append(None)
            return next((self.watcher.answers[c] for c in correlations
                         if c in self.watcher.answers), None)
        wait_until(answered, 60, f"{method} is answered: {self.gateway.log()[-2000:]}")
        return answered()

    def ask_once(self, method, **arguments):
        correlation = self.watcher.request(method, arguments)
        wait_until(lambda: correlation in self.watcher.answers, 30, f"{method} is answered")
        return self.watcher.answers[correlation]

    def propose(self, text, confirm_s=600, old=None):
        return self.ask_once("config", sha256_old=old or sha256(self.text()), yaml=text,
                             confirm_s=confirm_s)

    def state(self):
        return self.ask("config_state")

    def tried(self, text):
        wait_until(lambda: is_tried(self.state(), sha256(text)), 60, "it is tried")

    def undone(self, seconds=60):
        wait_until(lambda: self.state()["trial"] is None, seconds, "it is undone")
        return self.state()["undone"]

    def socket(self, method, **arguments):
        """By the control socket, which is away while the daemon starts anew."""
        answers = []

        def answered():
            try:
                answers.append(self.socket_once(method, **arguments))
            except (ConnectionError, FileNotFoundError, json.JSONDecodeError):
                return False
            return True
        wait_until(answered, 30, f"{method} is answered")
        return answers[-1]

    def socket_once(self, method, **arguments):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(20)
            one.connect(self.gateway.config["control"]["socket"])
            one.sendall(json.dumps({"id": 1, "method": method, "params": arguments}).encode()
                        + b"\n")
            with one.makefile() as lines:
                return json.loads(lines.readline())

    def whole(self):
        """Each number of each boot that the county saw follows the one before, or is a gap."""
        told = {(g["d"], g["boot"], n) for g in self.watcher.gaps
                for n in range(g["gap"][0], g["gap"][1] + 1)}
        seen = set(self.watcher.copy()) | told
        boots = {(d, b) for d, b, _ in seen}
        for device, boot in boots:
            last = max(s for d, b, s in seen if (d, b) == (device, boot))
            missing = [s for s in range(1, last + 1) if (device, boot, s) not in seen]
            if missing:
                return False
        return not told

    def audits(self):
        with sqlite3.connect(f"file:{self.folder}/readings.db?mode=ro", uri=True) as db:
            return db.execute("SELECT user, via, method, detail, result FROM audit").fetchall()


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def is_tried(state, wanted):
    """It is on trial; or was, and a machine that is slow to ask sees its end only."""
    return wanted in [(state[what] or {}).get("sha256") for what in ("trial", "undone")]


@pytest.fixture
def far(site, needs, tmp_path):
    needs("baiyed", "baiye-field")
    return Far(site, tmp_path)


def test_a_county_grants_itself_nothing(far):
    """Whoever may replace the file could else make his own broker the farm's, and command."""
    brokers = far.gateway.config["mqtt"]
    for mqtt in ([brokers[0], {**brokers[1], "requests": "farm"}],
                 [*brokers, {"name": "more", "url": "mqtt://192.0.2.1", "requests": "farm"}]):
        refused = far.propose(far.changed(mqtt=mqtt))["error"]
        assert refused["code"] == "refused" and "requests: farm" in refused["message"], refused
    assert far.state()["trial"] is None
    assert far.propose(far.changed(label="new"), 60).get("confirm_s") == 60


def test_what_is_confirmed_becomes_the_file(far):
    before, after = far.text(), far.changed(label="Upper garden")
    os.chmod(far.path, 0o640)
    answer = far.propose(after)
    assert answer["sha256"] == sha256(after), answer
    far.tried(after)
    assert far.text() == before, "until it is confirmed"
    assert far.state()["trial"]["via"] == "county"
    assert far.ask("config_confirm", sha256=sha256(after)) == {"sha256": sha256(after)}
    assert far.text() == after
    assert far.path.stat().st_mode & 0o777 == 0o640
    assert far.ask("config_confirm", sha256=sha256(after)) == {"sha256": sha256(after)}, "twice"
    past = list((far.folder / "state/config.past").iterdir())
    assert [one.read_text() for one in past] == [before]
    far.gateway.kill()
    far.gateway.start()
    state = far.state()
    assert (state["sha256"], state["trial"]) == (sha256(after), None)
    wait_until(far.whole, 60, "no reading is missing")
    far.gateway.stop()
    rows = [row for row in far.audits() if row[2].startswith("config")]
    assert {(row[1], row[2], row[4]) for row in rows} >= {
        ("county", "config", "ok"), ("county", "config_confirm", "ok")}
    assert sha256(after) in rows[0][3] and "Upper" not in rows[0][3]


def test_it_is_tried_with_no_other_system_calls_than_the_unit_leaves(far):
    far.gateway.stop()
    far.gateway.arguments = unit_filter.behind("baiyed.service") + far.gateway.arguments
    far.gateway.start()
    assert far.state()["trial"] is None
    after = far.changed(label="Upper garden")
    assert far.propose(after)["sha256"] == sha256(after)
    far.tried(after)
    assert far.ask("config_confirm", sha256=sha256(after)) == {"sha256": sha256(after)}
    assert far.text() == after


def test_what_nobody_confirms_is_undone(far):
    before, after = far.text(), far.changed(label="Upper garden")
    far.propose(after, confirm_s=12)
    far.tried(after)
    undone = far.undone()
    assert undone["sha256"] == sha256(after) and "in time" in undone["why"]
    assert far.text() == before
    answer = far.ask("config_confirm", sha256=sha256(after))
    assert answer["error"]["code"] == "unknown", "too late"
    wait_until(far.whole, 60, "no reading is missing")


def test_what_cuts_it_off_from_the_county_is_undone(far):
    before = far.text()
    brokers = [far.gateway.config["mqtt"][0],
               {**far.gateway.config["mqtt"][1], "url": "mqtt://127.0.0.1:9"}]
    after = far.changed(mqtt=brokers)
    assert "sha256" in far.propose(after, confirm_s=15)
    wait_until(lambda: is_tried(far.socket("config_state")["result"], sha256(after)), 30, "it is tried")
    undone = far.undone(90)
    assert undone["sha256"] == sha256(after)
    assert far.text() == before
    wait_until(far.whole, 60, "no reading is missing")


def test_a_kill_does_not_end_the_trial_and_a_trial_does_not_outlive_its_time(far):
    before, after = far.text(), far.changed(label="Upper garden")
    far.propose(after, confirm_s=3600)
    far.tried(after)
    far.gateway.kill()
    far.gateway.start()
    far.tried(after)
    far.gateway.kill()
    begun = far.folder / "state/config.trial"
    lines = begun.read_text().splitlines()
    end = next(n for n, line in enumerate(lines) if line.startswith("end "))
    lines[end] = "end " + next(line for line in lines if line.startswith("begun "))[6:]
    begun.write_text("\n".join(lines) + "\n")
    far.gateway.start()
    assert far.undone()["sha256"] == sha256(after)
    assert far.text() == before
    wait_until(far.whole, 60, "no reading is missing")


def test_a_power_cut_ends_it(far):
    before, after = far.text(), far.changed(label="Upper garden")
    far.propose(after, confirm_s=3600)
    far.tried(after)
    far.gateway.kill()
    state = far.folder / "state/config.trial"
    text = "\n".join("begun 99999999999999" if line.startswith("begun ") else
                     "end 99999999999999" if line.startswith("end ") else line
                     for line in state.read_text().splitlines()) + "\n"
    state.write_text(text)  # as the clock since the boot says after another one
    far.gateway.start()
    assert "switched off" in far.undone()["why"]
    assert far.text() == before


@pytest.mark.parametrize("damage", [b"", b"1:trial\n", b"2:trial\nold x\n", b"\0" * 300, None])
def test_a_damaged_state_is_no_trial(far, damage):
    before, after = far.text(), far.changed(label="Upper garden")
    far.propose(after, confirm_s=3600)
    far.tried(after)
    far.gateway.kill()
    if damage is None:
        (far.folder / "state/config.trial.yaml").write_text(after + "# more\n")
    else:
        (far.folder / "state/config.trial").write_bytes(damage)
    far.gateway.start()
    state = far.state()
    assert state["trial"] is None and state["sha256"] == sha256(before)
    assert far.text() == before


def test_one_that_falls_over_by_it_goes_back(far):
    after = far.changed(label="Upper garden")
    far.propose(after, confirm_s=3600)
    far.tried(after)
    for _ in range(3):
        starts = far.gateway.log().count(": polling")
        far.gateway.kill()
        far.gateway.start()
        wait_until(lambda: far.gateway.log().count(": polling") > starts, 30, "it starts")
    wait_until(lambda: (far.state()["undone"] or {}).get("sha256") == sha256(after), 30, "undone")
    assert "again and again" in far.state()["undone"]["why"]


def test_what_is_wrong_is_refused_and_said(far):
    before = far.text()
    wrong = before.replace("commit_every", "commit_evry")
    line = next(n for n, text in enumerate(before.splitlines(), 1) if "commit_every" in text)
    answer = far.propose(wrong)["error"]
    assert answer["code"] == "refused" and f"{far.path}:{line}:" in answer["message"], answer
    for text in "{", "\t", "- 1", "site: [", "\u0001", "site: other\n", "&a [*a, *a]":
        assert far.propose(text)["error"]["code"] == "refused", text
    assert "site" in far.propose(before.replace(f"site: {garden.SITE}", "site: other"))["error"][
        "message"]
    other_store = far.changed(store={**far.gateway.config["store"], "path": str(
        far.folder / "other.db")})
    assert "store" in far.propose(other_store)["error"]["message"]
    deaf = far.changed(mqtt=far.gateway.config["mqtt"][:1])
    assert "county" in far.propose(deaf)["error"]["message"]
    assert far.propose(before + "#" * 61440)["error"]["code"] == "refused"
    assert far.propose(before, old="0" * 64)["error"]["code"] == "changed"
    assert far.propose(before, old="x")["error"]["code"] == "changed"
    for arguments in ({}, {"sha256_old": 1}, {"sha256_old": "a", "yaml": {}},
                      {"sha256_old": "a", "yaml": "a", "confirm_s": 1},
                      {"sha256_old": "a", "yaml": "a", "confirm_s": "60"}):
        assert far.ask_once("config", **arguments)["error"]["code"] == "invalid", arguments
    assert far.ask("config_confirm", sha256="0" * 64)["error"]["code"] == "unknown"
    assert far.text() == before and far.state()["trial"] is None


def test_another_broker_confirms_nothing_and_two_at_once_are_refused(far):
    after = far.changed(label="Upper garden")
    far.propose(after)
    far.tried(after)
    answer = far.socket("config_confirm", sha256=sha256(after))
    assert answer["error"]["code"] == "forbidden", answer
    assert far.propose(far.changed(label="Third"))["error"]["code"] == "busy"
    assert far.ask("config_confirm", sha256=sha256(after))["sha256"] == sha256(after)


def test_who_edits_the_file_at_the_gateway_is_in_the_right(far):
    after, by_hand = far.changed(label="Upper garden"), far.changed(label="By hand")
    far.propose(after)
    far.tried(after)
    far.path.write_text(by_hand)
    answer = far.ask("config_confirm", sha256=sha256(after))
    assert "changed at the gateway" in answer["error"]["message"]
    assert far.socket("reload")["result"]["ok"]
    wait_until(lambda: far.state()["trial"] is None, 30, "by the file")
    assert far.text() == by_hand
    assert "changed at the gateway" in far.state()["undone"]["why"]


def test_the_text_can_be_had(far):
    assert far.ask("config_state", yaml=True)["yaml"] == far.text()
    assert "yaml" not in far.state()


class Activated(garden.Process):
    """baiye-config.socket and its service: systemd's part by systemd-socket-activate, with the
    packaged unit's command."""

    def __init__(self, folder):
        unit = (garden.ROOT / "gateway/packaging/baiye-config@.service").read_text()
        command = re.search(r"^ExecStart=/usr/bin/baiye (.*)$", unit, re.M).group(1).split()
        self.path = folder / "config.sock"
        super().__init__(folder, "config-socket", [
            "systemd-socket-activate", "--accept", "--inetd", "-l", self.path,
            garden.program("baiye"), *command, "--config", folder / "baiyed.yaml"])

    def start(self):
        super().start()
        wait_until(lambda: garden.listens(self.path), 10, "the socket is there")

    def ask(self, question):
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(30)
            talk.connect(str(self.path))
            talk.sendall(question)
            talk.shutdown(socket.SHUT_WR)
            with talk.makefile() as lines:
                return lines.readline().strip()


def test_roots_small_program_writes_the_file_and_nothing_else(site, needs, tmp_path):
    needs("baiyed", "baiye-field", "baiye")
    helper = site.add(Activated(tmp_path))
    helper.start()
    far = Far(site, tmp_path, config_socket=str(helper.path))
    before, after = far.text(), far.changed(label="Upper garden")
    os.chmod(far.path, 0o640)
    right = f"{sha256(before)} {len(after)}\n".encode()
    for question in (b"", b"x", b"\n", right, right + after[:-1].encode(), b"0" * 64 + b" 5\nabcde",
                     f"{sha256(before)} 99999999\n".encode(), f"{sha256(before)} -1\n{after}".encode(),
                     f"{sha256(before)} 5\n{{{{{{{{{{".encode(), b"\0" * 1000):
        assert helper.ask(question) != "ok", question
    wrong = after.replace("label", "labl")
    said = helper.ask(f"{sha256(before)} {len(wrong)}\n{wrong}".encode())
    assert said.startswith(f"{far.path}:") and "labl" in said, said
    assert far.text() == before
    far.propose(after)
    far.tried(after)
    assert far.ask("config_confirm", sha256=sha256(after)) == {"sha256": sha256(after)}
    assert far.text() == after and far.path.stat().st_mode & 0o777 == 0o640
    assert far.state()["trial"] is None
    helper.stop()
    helper.path.unlink(missing_ok=True)
    again = far.changed(label="Third")
    far.propose(again)
    far.tried(again)
    helper.path.touch()
    answer = far.ask("config_confirm", sha256=sha256(again))
    assert "baiye-config.socket" in answer["error"]["message"]
    assert far.text() == after, "nobody is there who writes it"
