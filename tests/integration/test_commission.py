# SPDX-License-Identifier: Apache-2.0
"""`baiye commission`: from a box of parts to a line that measures; and whatever is done to it on the
way, nothing is left half done."""
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import termios

import garden
import pytest
import yaml
from between import Between

FACTORY = 247
PARTS = [
    *({"kind": "native", "address": FACTORY, "name": f"n{i}", "period_s": 2} for i in range(6)),
    {"kind": "rs-ws-n01-tr", "address": 1, "name": "soil-a", "baud": 2400},
    {"kind": "zts-3001", "address": 1, "name": "soil-b", "baud": 4800},
    {"kind": "responder", "address": 5, "name": "stranger", "registers": 3},
    {"kind": "xy-md02", "address": 6, "name": "swapped",
     "faults": [{"kind": "swapped", "probability": 1}]},
    {"kind": "xy-md02", "address": 40, "name": "dead",
     "faults": [{"kind": "dead", "probability": 1}]},
]


class Bench:
    """A site whose line has parts that nobody has set up."""

    def __init__(self, site):
        self.site = site

    def start(self, units, devices=(), **line):
        self.site.start_broker()
        self.site.start_field([{"name": "east", "baud": 9600, "units": units, **line}])
        self.site.gateway = garden.Gateway(self.site.folder, self.site.broker, [
            {"name": "east", "type": "rtu", "port": self.site.field.port("east"), "baud": 9600,
             "parity": "none", "devices": list(devices)}])
        self.site.gateway.start()
        garden.wait_until(lambda: self.baiye("devices").returncode == 0, 60, "the control socket")

    @property
    def socket(self):
        return self.site.folder / "baiyed.sock"

    @property
    def file(self):
        return self.site.gateway.config_path

    def command(self, *words):
        return [garden.program("baiye"), *map(str, words), "--socket", str(self.socket)]

    def baiye(self, *words):
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=400)

    def commission(self, *words):
        done = self.baiye("commission", "east", "--json", "--config", self.file, *words)
        return done, json.loads(done.stdout) if done.stdout.startswith("{") else None

    def configured(self):
        return {one["name"]: one for one in yaml.safe_load(self.file.read_text())["buses"][0]["devices"]}

    def nobody_at_work(self):
        """Neither the command nor a trial of it."""
        folder = os.open(self.file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(folder)
        return True

    def no_two_were_written_at_once(self):
        """As the line saw it: each write of registers had one taker."""
        counts = self.site.field.counts("east")
        assert counts["shared_writes"] == 0, counts

    def online(self, name):
        done = self.baiye("stats", name, "--json")
        return done.returncode == 0 and json.loads(done.stdout)["online"]

    def nothing_is_half_done(self, before):
        """A trial goes on by itself; then the file is the old one, or all that it names answers. And
        the same command brings up whoever is left."""
        garden.wait_until(self.nobody_at_work, 150, "the end of a trial")
        if self.file.read_text() == before:
            garden.wait_until(lambda: self.online("air"), 60, "polled on")
        else:
            garden.wait_until(lambda: all(map(self.online, self.configured())), 60, "all of them")
        assert not list(self.file.parent.glob("*.trial*"))
        # A step that the gateway was asked for it carries to its end, and says so meanwhile.
        done, result = garden.wait_until(
            lambda: "another step is under way" not in (end := self.commission("--own-rate"))[0].stderr
            and end, 120, "the line is free again")
        assert done.returncode == 0, (result, done.stderr)
        devices = self.configured()
        assert len(devices) == 4 and len({one["address"] for one in devices.values()}) == 4
        garden.wait_until(lambda: all(map(self.online, devices)), 60, "all of them")
        self.no_two_were_written_at_once()


@pytest.fixture
def bench(site, needs):
    needs("baiyed", "baiye-field", "baiye-node", "baiye")
    return Bench(site)


OLD = {"name": "old", "profile": "xy-md02", "address": 40, "every": "2s"}


def test_a_box_of_parts_measures_and_the_rest_is_named(bench):
    bench.start(PARTS, [OLD], echo=True)
    before = bench.file.read_text()
    done, result = bench.commission("--parts", "rs-ws-n01-tr,zts-3001-7in1")
    assert done.returncode == 1, done.stderr + done.stdout
    print(json.dumps(result, indent=1), done.stderr)
    new = [one for one in result["devices"] if one["works"]]
    nodes = [one for one in new if "serial" in one]
    assert len(nodes) == 6 and len({one["unit"] for one in nodes}) == 6
    assert all(int(one["serial_text"][:9].replace("-", ""), 16) == one["serial"] for one in nodes)
    assert all(one["unit"] < FACTORY for one in nodes)
    assert {one["profile"] for one in new if "serial" not in one} == {"rs-ws-n01-tr",
                                                                         "zts-3001-7in1"}
    rest = {one["unit"]: one["rest"] for one in result["devices"] if one["rest"]}
    assert "fits no profile" in rest[5]
    assert result["silent"] == ["old"]
    assert result["disturbed"] == [6]  # of the one with its wires swapped nobody can know more
    assert set(bench.configured()) == {"old", *(one["name"] for one in new)}
    assert all(bench.online(one["name"]) for one in new)
    assert (bench.file.parent / (bench.file.name + ".1")).read_text() == before
    assert result["echo"]
    bench.no_two_were_written_at_once()


def new_nodes(count):
    return [{"kind": "native", "address": FACTORY, "name": f"n{i}", "period_s": 2}
            for i in range(count)]


AIR = {"name": "air", "profile": "xy-md02", "address": 40, "every": "1s"}
WITH_AIR = [{"kind": "xy-md02", "address": 40, "name": "air"}]


def test_thirty_nodes_at_one_address_are_enrolled(bench):
    bench.start(new_nodes(30) + WITH_AIR, [AIR], echo=True)
    done, result = bench.commission("--own-rate")
    assert done.returncode == 0, done.stderr + done.stdout
    assert len({one["serial"] for one in result["devices"] if one["works"]}) == 30, result
    units = {one["address"] for one in bench.configured().values()}
    assert len(units) == 31 and FACTORY not in units
    assert result["echo"]


def test_a_bus_without_devices_is_where_it_begins(bench):
    bench.start([{"kind": "xy-md02", "address": 1, "name": "air"}] + new_nodes(2), [])
    bench.file.write_text(bench.file.read_text().replace("devices: []", "devices: # none yet"))
    assert bench.baiye("reload").returncode == 0
    done, result = bench.commission("--own-rate", "--parts", "xy-md02")
    assert done.returncode == 0, (result, done.stderr)
    assert len(bench.configured()) == 3 and all(map(bench.online, bench.configured()))
    assert "devices: # none yet\n" in bench.file.read_text()


# --- with who sits there ---

class Terminal:
    """The command on a terminal of 80 columns."""

    def __init__(self, bench, *words, lang="C.UTF-8"):
        self.main, child = os.openpty()
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.text = ""
        self.child = subprocess.Popen(
            bench.command("commission", "east", *words, "--config", bench.file), stdin=child,
            stdout=child, stderr=child, env={**os.environ, "LANG": lang, "LC_ALL": lang},
            start_new_session=True, preexec_fn=garden.hear_interrupts)
        os.close(child)

    def wait_for(self, text):
        """All that was said up to there, and no more."""
        while text not in self.text:
            assert select.select([self.main], [], [], 120)[0], f"{text!r} is not in {self.text!r}"
            try:
                self.text += os.read(self.main, 4096).decode(errors="ignore")
            except OSError:
                raise AssertionError(f"{text!r} is not in {self.text!r}") from None
        before, self.text = self.text.split(text, 1)
        return before + text

    def answer(self, question, text):
        said = self.wait_for(question)
        os.write(self.main, (text + "\n").encode())
        return said


def test_a_technician_is_asked_and_enter_goes_on(bench):
    bench.start(new_nodes(2) + [{"kind": "zts-3001", "address": 1, "name": "soil-b"}], [])
    at = Terminal(bench, "--own-rate")
    said = at.answer("leave it out):", "7") + at.answer("leave it out):", "1")
    assert "  1  " in said and "  2  " in said
    assert "soil 7 in 1" in said, "what the candidates are, is said in words"
    assert all(len(line) <= 80 for line in said.splitlines()), said
    at.answer("(Enter: this one; n: leave it out):", "上坡")
    at.answer("(Enter: this one; n: leave it out):", "No Such \"Name\"")
    at.answer("(Enter: this one; n: leave it out):", "lower")
    at.answer("(Enter: this one; n: leave it out):", "y")
    at.answer("Go on? [Y/n]", "")
    said = at.wait_for("Labels")
    assert at.child.wait(120) == 0
    devices = bench.configured()
    assert len(devices) == 3 and "lower" in devices
    assert [one["label"] for one in devices.values() if "label" in one] == ["上坡"]
    assert all(map(bench.online, devices))


def test_who_does_not_measure_on_trial_is_taken_out_again(bench):
    bench.start([{"kind": "zts-3001", "address": 1, "name": "soil-b"}], [])
    before = bench.file.read_text()
    at = Terminal(bench, "--own-rate")
    at.answer("leave it out):", "eastron-sdm630")
    at.answer("(Enter: this one; n: leave it out):", "")
    at.answer("Go on? [Y/n]", "")
    at.wait_for("on trial")
    garden.wait_until(lambda: bench.file.read_text() != before, 20, "the file on trial")
    assert "was taken out again" in " ".join(at.wait_for("again\r\n").split())
    assert at.child.wait(120) == 75
    assert bench.file.read_text() == before


def test_what_stood_in_the_file_still_stands_there(bench):
    bench.start(new_nodes(1) + WITH_AIR, [AIR])
    text = bench.file.read_text().replace("buses:", "# the upper line\nbuses: # one of them\n")
    bench.file.write_text(text)
    done, _ = bench.commission("--own-rate")
    assert done.returncode == 0, done.stderr + done.stdout
    lines = bench.file.read_text().splitlines()
    assert [line for line in lines if "name: node-1" not in line] == text.splitlines()
    assert bench.online("air") and bench.online("node-1")


def test_an_unusable_file_is_not_written_and_nobody_is_in_the_way(bench):
    bench.start(new_nodes(1) + WITH_AIR, [AIR])
    broken = bench.file.read_text() + "nonsense: 1\n"
    bench.file.write_text(broken)
    done, _ = bench.commission("--own-rate")
    assert done.returncode == 75 and "nonsense" in done.stderr
    assert bench.file.read_text() == broken
    garden.wait_until(lambda: bench.online("air"), 20, "polled on")


# --- ended at each step ---

# What the command has said by then; or what is looked for elsewhere.
STEPS = {"at its start": lambda bench, before: True,
         "while it looks": lambda bench, before: "paused" in bench.baiye("stats", "--json").stdout,
         "when it has found them": "BECOMES", "after the first move": "node-1 ",
         "after the second move": "node-2 ", "after the last move": "node-3 ", "on trial": "on trial",
         "when the file is written": lambda bench, before: bench.file.read_text() != before,
         "when all is done": "Labels"}


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_leaves_nothing_half_done(bench, step):
    bench.start(new_nodes(3) + WITH_AIR, [AIR])
    before = bench.file.read_text()
    child = subprocess.Popen(bench.command("commission", "east", "--yes", "--own-rate", "--config",
                                           bench.file), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    if callable(STEPS[step]):
        garden.wait_until(lambda: STEPS[step](bench, before), 60, step)
    else:
        assert any(STEPS[step] in line for line in child.stdout), "it ended before that step"
    child.kill()
    assert child.wait(120) in (-signal.SIGKILL, 0)  # 0: it was at its end
    bench.nothing_is_half_done(before)


# Ctrl-C when the gateway is asked for that step, and what stands then.
@pytest.mark.parametrize("method, stands", [("survey", "nothing has been changed"),
                                            ("place", "goes on from here"),
                                            ("reload", "or the one before")])
def test_whoever_ends_it_is_told_what_stands(bench, method, stands):
    bench.start(new_nodes(3) + WITH_AIR, [AIR])
    before, child = bench.file.read_text(), []
    between = Between(bench.site.folder, method, 1, lambda: child[0].send_signal(signal.SIGINT))
    child.append(subprocess.Popen(
        [garden.program("baiye"), "commission", "east", "--yes", "--own-rate", "--config", bench.file,
         "--socket", between.path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=garden.hear_interrupts))
    _, said = child[0].communicate(timeout=240)
    assert child[0].returncode == -signal.SIGINT and "ended: " in said and stands in said
    bench.nothing_is_half_done(before)
    between.end()
