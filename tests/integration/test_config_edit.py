# SPDX-License-Identifier: Apache-2.0
"""The configuration edited from a phone: by paths, with comments and order kept; judged before it is
tried, and undone by itself unless it is confirmed."""
import hashlib
import json
import re
import socket
import sqlite3

import pytest

from garden import Gateway, wait_until
from test_config_trial import is_tried

SOIL = [{"name": "east", "type": "tcp", "units": [
    {"kind": "zts-3001", "address": 7, "name": "soil-7"},
    {"kind": "zts-3001", "address": 8, "name": "soil-8"}]}]
HEAD = """# The garden of 林家
site: garden   # never changed
location: { lat: 26.5, lon: 107.9, timezone: Asia/Shanghai }
"""
TAIL = """
# The plots, from the top
plots:
  - name: upper      # steep
    label: "上坡"     # as grandma says
    devices: [soil-7]
buses:
  - name: east
    type: tcp
    port: PORT
    devices:
      # by the gate
      - { name: soil-7, profile: zts-3001-7in1, address: 7, every: 500ms } # old
"""
RULES = """alerts:
  # a cold night
  - { name: cold, metric: soil_temperature, below: 2, clear: 3 } # asked by Lin
"""
CHINESE = re.compile("[\u4e00-\u9fff]")


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Edited:
    def __init__(self, site, folder, rules):
        (folder / "state").mkdir()
        site.start_broker()
        site.start_field(SOIL)
        self.folder = folder
        self.gateway = site.gateway = Gateway(folder, site.broker, site.buses("500ms"))
        parts = {key: self.gateway.config[key] for key in ("store", "control", "mqtt")}
        port = self.gateway.config["buses"][0]["port"]
        middle = "".join(f"{key}: {json.dumps(value)}\n" for key, value in parts.items())
        self.path = self.gateway.config_path
        self.path.write_text(HEAD + middle + TAIL.replace("PORT", port) + rules)
        self.gateway.environment["STATE_DIRECTORY"] = str(folder / "state")
        self.gateway.start()
        wait_until(lambda: self.good("soil-7") > 0, 60, "it measures")

    def text(self):
        return self.path.read_text()

    def ask_once(self, method, **arguments):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(20)
            one.connect(self.gateway.config["control"]["socket"])
            one.sendall(json.dumps({"id": 1, "method": method, "params": arguments}).encode()
                        + b"\n")
            with one.makefile() as lines:
                return json.loads(lines.readline())

    def ask(self, method, **arguments):
        """While the daemon starts anew its socket is away."""
        answers = []

        def answered():
            try:
                answers.append(self.ask_once(method, **arguments))
            except (ConnectionError, FileNotFoundError, json.JSONDecodeError):
                return False
            return True
        wait_until(answered, 30, f"{method} is answered")
        return answers[-1].get("result", answers[-1])

    def good(self, device):
        return self.ask("stats", device=device).get("good", 0)

    def edit(self, *edits, old=None, lang="en", confirm_s=600):
        return self.ask("config_edit", sha256_old=old or sha256(self.text()), edits=list(edits),
                        confirm_s=confirm_s, lang=lang)

    def tried(self, answer):
        assert "sha256" in answer, answer
        wait_until(lambda: is_tried(self.ask("config_state"), answer["sha256"]), 60, "it is tried")

    def take(self, *edits):
        answer = self.edit(*edits)
        self.tried(answer)
        assert self.ask("config_confirm", sha256=answer["sha256"]) == {"sha256": answer["sha256"]}


@pytest.fixture
def edited(site, needs, tmp_path):
    needs("baiyed", "baiye-field")
    return Edited(site, tmp_path, RULES)


def test_names_and_limits_change_in_their_place_and_comments_stay(edited):
    before = edited.text()
    assert edited.ask("config_shown")["rules"] == [
        {"name": "cold", "label": "cold", "label_en": "cold", "metric": "soil_temperature",
         "above": False, "limit": 2.0, "clear": 3.0, "change": False, "per_s": 0, "for_s": 0,
         "level": "watch", "hours": ""}]
    edited.take({"path": ["label"], "set": "林家茶园"},
                {"path": ["plots", "upper", "label"], "set": "高坡 \"A\""},
                {"path": ["buses", "east", "devices", "soil-7", "label"], "set": "门边"},
                {"path": ["alerts", "cold", "below"], "set": 1.5},
                {"path": ["alerts", "cold", "clear"], "set": 2.5})
    after = before.replace("# never changed\n", "# never changed\nlabel: 林家茶园\n")
    after = after.replace('"上坡"', '"高坡 \\"A\\""').replace("{ name: soil-7,",
                                                          "{ name: soil-7, label: 门边,")
    after = after.replace("below: 2, clear: 3", "below: 1.5, clear: 2.5")
    assert edited.text() == after
    shown = edited.ask("config_shown")
    assert shown["label"] == "林家茶园" and shown["plots"][0]["label"] == "高坡 \"A\""
    assert shown["buses"][0]["devices"][0]["label"] == "门边"
    assert (shown["rules"][0]["limit"], shown["rules"][0]["clear"]) == (1.5, 2.5)
    assert shown["sha256"] == sha256(after)
    edited.gateway.stop()
    with sqlite3.connect(f"file:{edited.folder}/readings.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT detail FROM audit WHERE method = 'config_edit' "
                          "AND result = 'ok'").fetchall()
    assert len(rows) == 1 and "plots/upper/label" in rows[0][0] and "高坡" not in rows[0][0]


def test_a_device_is_added_to_its_plot_and_removed_again(edited):
    before = edited.text()
    edited.take({"path": ["buses", "east", "devices"],
                 "add": {"name": "soil-8", "label": "溪边", "profile": "zts-3001-7in1",
                         "address": 8, "every": "1s"}},
                {"path": ["plots", "upper", "devices"], "add": "soil-8"})
    assert edited.text() == before.replace("[soil-7]", "[soil-7, soil-8]").replace(
        "# old\n", "# old\n      - { name: soil-8, label: 溪边, profile: zts-3001-7in1, "
        "address: 8, every: \"1s\" }\n")
    wait_until(lambda: edited.good("soil-8") > 0, 60, "it measures")
    edited.take({"path": ["plots", "upper", "devices", "soil-8"], "remove": True},
                {"path": ["buses", "east", "devices", "soil-8"], "remove": True})
    assert edited.text() == before


def test_what_nobody_confirms_is_undone(edited):
    before = edited.text()
    answer = edited.edit({"path": ["label"], "set": "x"}, confirm_s=10)
    edited.tried(answer)
    assert edited.text() == before
    wait_until(lambda: edited.ask("config_state")["trial"] is None, 60, "it is undone")
    assert edited.ask("config_state")["undone"]["sha256"] == answer["sha256"]
    assert edited.text() == before and edited.ask("config_shown")["label"] == ""


def test_what_is_called_off_need_not_run_out(edited):
    before = edited.text()
    answer = edited.edit({"path": ["label"], "set": "x"}, confirm_s=600)
    assert edited.ask("config_undo", sha256="0" * 64)["error"]["code"] == "unknown"
    edited.tried(answer)
    assert edited.ask("config_undo", sha256=answer["sha256"]) == {}
    wait_until(lambda: edited.ask("config_undo", sha256=answer["sha256"])["error"]["code"] == "unknown", 120,
               "the gateway is up again")
    wait_until(lambda: edited.ask("config_state")["trial"] is None
               and edited.ask("config_shown")["label"] == "", 120, "it is undone")
    assert edited.ask("config_state")["undone"] == {"sha256": answer["sha256"], "why": "it was called off"}
    assert edited.ask("config_undo", sha256=answer["sha256"])["error"]["code"] == "unknown"
    assert edited.text() == before
    edited.take({"path": ["label"], "set": "y"})  # nobody waits for the 600 s


def test_a_plot_is_made_a_device_moved_to_it_and_a_rule_changed_whole(edited):
    before = edited.text()
    edited.take({"path": ["plots"], "add": {"name": "plot-1", "label": "新地", "devices": []}})
    edited.take({"path": ["plots", "upper", "devices", "soil-7"], "remove": True},
                {"path": ["plots", "plot-1", "devices"], "add": "soil-7"})
    shown = edited.ask("config_shown")
    assert [(plot["name"], plot["devices"]) for plot in shown["plots"]] == [
        ("upper", []), ("plot-1", ["soil-7"])]
    edited.take({"path": ["plots", "plot-1", "devices", "soil-7"], "remove": True},
                {"path": ["plots", "upper", "devices"], "add": "soil-7"})
    edited.take({"path": ["plots", "plot-1"], "remove": True})
    assert re.sub(r"devices:\n +- soil-7", "devices: [soil-7]", edited.text()) == before

    edited.take({"path": ["alerts", "cold", "for"], "set": "600s"},
                {"path": ["alerts", "cold", "level"], "set": "alarm"},
                {"path": ["alerts", "cold", "hours"], "set": "18:00-09:00"})
    rule = edited.ask("config_shown")["rules"][0]
    assert (rule["for_s"], rule["level"], rule["hours"]) == (600, "alarm", "18:00-09:00")
    edited.take({"path": ["alerts", "cold", "hours"], "remove": True},
                {"path": ["alerts"], "add": {"name": "fall", "metric": "soil_temperature", "change": "-3 per 3600s"}})
    edited.take({"path": ["alerts", "fall", "change"], "set": "-2.5 per 7200s"},
                {"path": ["alerts", "fall", "clear"], "set": -2})
    rules = edited.ask("config_shown")["rules"]
    assert rules[0]["hours"] == ""
    assert (rules[1]["limit"], rules[1]["per_s"], rules[1]["clear"]) == (-2.5, 7200, -2)


WRONG = [
    [{"path": ["alerts", "cold", "below"], "set": 9}],
    [{"path": ["alerts", "cold", "below"], "set": "cold"}],
    [{"path": ["plots", "upper", "label"], "set": "长" * 200}],
    [{"path": ["plots", "upper", "label"], "set": "good"},
     {"path": ["buses", "east", "devices"], "add": {"name": "soil-9", "profile": "zts-3001-7in1",
                                                    "address": 7}}],
    [{"path": ["plots", "upper", "label"], "set": "good"},
     {"path": ["buses", "east", "devices"], "add": {"name": "soil-9", "profile": "no-such",
                                                    "address": 9}}],
    [{"path": ["plots", "upper", "label"], "set": "good"},
     {"path": ["buses", "east", "devices"], "add": {"name": "Soil 9", "profile": "zts-3001-7in1",
                                                    "address": 9}}],
    [{"path": ["plots", "upper", "label"], "set": "good"},
     {"path": ["plots", "lower", "label"], "set": "no such plot"}],
    [{"path": ["plots", "upper", "devices"], "add": "no-such"}],
    [{"path": ["label"], "set": "two\nlines"}],
    [{"path": ["label"], "set": "\u2028"}],
    [{"path": ["label"], "set": {"a b": 1}}],
    [{"path": ["label: x\nsite"], "set": "y"}],
    [{"path": [], "set": "y"}],
    [{"path": ["label"]}],
    [{"path": ["label"], "set": "x", "remove": True}],
    [{"path": ["alerts", "cold"], "remove": True}],
]


def test_what_is_wrong_is_said_in_both_languages_and_nothing_of_it_is_done(edited):
    before = edited.text()
    for edits in WRONG:
        said = {}
        for lang in ("en", "zh"):
            answer = edited.edit(*edits, lang=lang)
            assert answer["error"]["code"] == "refused", (edits, answer)
            said[lang] = answer["error"]["message"]
        bare = {lang: text.replace("林家", "") for lang, text in said.items()}
        assert CHINESE.search(bare["zh"]), (edits, said)
        if "长" not in str(edits):
            assert not CHINESE.search(bare["en"]), (edits, said)
        assert edited.text() == before and edited.ask("config_state")["trial"] is None
    for arguments in ({}, {"sha256_old": sha256(before), "edits": [], "confirm_s": 60},
                      {"sha256_old": sha256(before), "edits": {}, "confirm_s": 60},
                      {"sha256_old": sha256(before), "edits": [{"path": ["label"], "set": "x"}],
                       "confirm_s": 1}):
        assert edited.ask("config_edit", **arguments)["error"]["code"] == "invalid", arguments
    assert edited.text() == before


def test_of_two_editors_the_second_looks_again(edited):
    old = sha256(edited.text())
    first = edited.edit({"path": ["label"], "set": "one"}, old=old)
    assert edited.edit({"path": ["label"], "set": "two"}, old=old)["error"]["code"] == "busy"
    edited.tried(first)
    assert edited.edit({"path": ["label"], "set": "two"}, old=old)["error"]["code"] == "busy"
    edited.ask("config_confirm", sha256=first["sha256"])
    assert edited.edit({"path": ["label"], "set": "two"}, old=old)["error"]["code"] == "changed"
    assert "label: one\n" in edited.text() and "label: two" not in edited.text()
    edited.take({"path": ["label"], "set": "two"})
    assert "label: two\n" in edited.text()


def test_a_shipped_limit_changes_when_the_rules_are_put_into_the_file(site, needs, tmp_path):
    needs("baiyed", "baiye-field")
    edited = Edited(site, tmp_path, "")
    shown = edited.ask("config_shown")
    assert {rule["name"] for rule in shown["rules"]} == {"dry", "waterlogged"}
    assert [rule["name"] for rule in shown["shipped"]] == [
        "frost-watch", "frost", "heat", "dry", "waterlogged"]
    rules = [{**rule, "below": 20, "clear": 23} if rule["name"] == "dry" else rule
             for rule in shown["shipped"]]
    before = edited.text()
    edited.take(*({"path": ["alerts"], "add": rule} for rule in rules))
    assert edited.text().startswith(before + "alerts:\n  - { name: frost-watch, ")
    after = edited.ask("config_shown")
    assert after["shipped"] == []
    wanted = [{**rule, "limit": 20.0, "clear": 23.0} if rule["name"] == "dry" else rule
              for rule in shown["rules"]]
    assert [rule for rule in after["rules"] if rule["name"] in ("dry", "waterlogged")] == wanted
    assert len(after["rules"]) == 5
