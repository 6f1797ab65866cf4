# SPDX-License-Identifier: Apache-2.0
"""All that `baiye` can do, by its own list, beside a garden that runs: each form of each command ends
with a code that is documented, prints nothing but JSON with --json, no escape sequence into a file,
and no English sentence where the terminal is Chinese. A command that is new fails here until it has its
row."""
import fcntl
import functools
import json
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios

import pytest
import yaml

import garden
from screen_columns import columns

MANUAL = (garden.ROOT / "gateway/packaging/man/baiye.1").read_text()
ESCAPE = re.compile(r"\x1b|\r|\x08")
# Three words of small letters in a row; what is quoted, names a file or an option, or is typed is none.
TYPED = re.compile(r"`[^`]*`|(baiye|systemctl|apt)( [a-z-]+)+|“[^”]*”|\"[^\"]*\"|\S*[/=@]\S*|--?[a-z][a-z-]*|^ +baiye .*$", re.M)
SENTENCE = re.compile(r"(?<![\w-])[A-Za-z]+[,;:]? [a-z']+[,;:]? [a-z']{2,}(?![\w-])")
NAMES = re.compile(r"Home Assistant|Baiye \S+ CA|sha256 Fingerprint|No such file or directory", re.I)


# Chinese has its own marks.
HALF_WIDTH = re.compile("[\u4e00-\u9fff][,;:!?](?=\\s|[\u4e00-\u9fff])")


def english(text):
    return SENTENCE.findall(NAMES.sub("", TYPED.sub("", text)))


def run(*words, language="C", **more):
    return subprocess.run([garden.program("baiye"), *map(str, words)], capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LC_ALL": language, "TERM": "xterm", **more})


@functools.cache
def help_of(name):
    return run("help", name).stdout


def usage_of(name):
    """What its help says before it says what it does, on one line."""
    lines = help_of(name).splitlines()
    rest = next((i for i, line in enumerate(lines) if i and not re.match(r" {7,9}\S", line)), len(lines))
    return " ".join(" ".join(line.split()) for line in lines[:rest])


def forms_of(name):
    """"user add", "alert list", "check": a command with each of its verbs."""
    verbs = set()
    for form in re.split(rf"baiye {name}\b", usage_of(name))[1:]:
        bare = form
        while (less := re.sub(r"\[[^][]*\]|--[a-z][a-z-]*( [A-Z]\S*)?", "", bare)) != bare:
            bare = less
        for one in bare.split(" | "):
            words = [word for word in one.split() if not word.isupper()]
            if words and re.fullmatch(r"[a-z][a-z-]+", words[0]):
                verbs.add(words[0])
    return {f"{name} {verb}" for verb in verbs} or {name}


LIST = re.findall(r"^  ([a-z0-9]+) ", run("--help").stdout, re.M) if garden.program("baiye").exists() else []
FORMS = sorted(form for name in LIST for form in forms_of(name))

# Form: (words, exit code). {…} are names of the garden's; "!" at the end: it asks no gateway, so that it
# gets no --socket.
ROWS = {
    "check": ("!--config {config} --user nobody-here", {0, 1}),
    "doctor": ("--config {config}", {0, 1}),
    "reload": ("", {0}),
    "devices": ("", {0}),
    "values": ("", {0, 1}),
    "stats": ("", {0}),
    "read": ("air 0x0001 2", {0, 1}),
    "write": ("relay no-such-register 1", {1}),
    "scan": ("east 1 1", {0}),
    "find": ("!--port {folder}/none", {69}),
    "commission": ("nowhere --yes --config {config}", {64, 65, 69, 75, 78}),
    "nodes": ("east", {0}),
    "node blink": ("air blink", {1}),
    "node selftest": ("air selftest", {1}),
    "node blackbox": ("air blackbox", {1}),
    "node counters": ("air counters", {1}),
    "node time": ("air time", {1}),
    "address": ("east 3E8 1", {1}),
    "settings": ("air", {1}),
    "calibrate": ("air air_temperature", {1}),
    "replace": ("nobody --config {config}", {66}),
    "report": ("east --polls 1 --config {config} --out {folder}/sheet-{n}.html", {0, 1}),
    "line": ("east --polls 1 --config {config}", {0, 1, 69}),
    "pause": ("east 1", {0}),
    "resume": ("east", {0}),
    "raw": ("east 1 0400010001", {0, 1}),
    "resend": ("air 1 1", {0, 1}),
    "audit": ("", {0}),
    "actions": ("", {0}),
    "alert list": ("list", {0}),
    "alert history": ("history", {0}),
    "alert csv": ("csv", {0}),
    "alert ack": ("ack nothing", {1}),
    "alert test": ("test", {0, 1}),
    "alert replay": ("!replay {folder}/export.csv --config {config}", {0}),
    "profile check": ("!check {profile}", {0}),
    "profile try": ("!try {profile} --port {folder}/none", {69}),
    "profile import": ("!import {folder}/nothing.yaml --out {folder}", {65, 66}),
    "import": ("!telegraf {folder}/nothing.yaml --out {folder}", {65, 66}),
    "user init": ("!init --config {config}", {0}),
    "user add": ("!add grandma --role farmer --config {config}", {0}),
    "user passwd": ("!passwd grandma --qr --address https://tea.example --config {config}", {0}),
    "user list": ("!list --config {config}", {0}),
    "user passwd-own": ("!passwd-own --config {config}", {0, 1, 65, 67, 77}),
    "user remove": ("!remove grandma --config {config}", {0}),
    "remote": ("tea.example.org --config {config}", {0}),
    "cert": ("!--host tea.example --dir {folder}/tls-{n} --ca-off", {0}),
    "enrol": ("!https://127.0.0.1:1 a:b:c --dir {folder}/county", {64, 69}),
    "clock": ("!", {0, 75}),
    "backup": ("{folder}/backup-{n}.tar --config {config}", {0}),
    "restore": ("!{folder}/none.tar --config {folder}/elsewhere/baiye.yaml", {65}),
    "wipe": ("!--yes --config {folder}/wiped/baiye.yaml --socket {folder}/none.sock", {0}),
    "forecast replay": ("!replay {folder}/past.csv", {0}),
    "update": ("", {69}),
    "flash": ("!stm32f103-rs485 --dry-run --firmware {folder} --register {folder}/boards.csv", {65, 66}),
    "uf2": ("!rp2040-rs485 --output {folder}/a.uf2 --firmware {folder}", {65, 66}),
    "sign": ("!--key {key} --hardware 1 --version 1.0.0 --counter 1 --slot-0 {key}@0x08000000 "
             "--slot-1 {key}@0x08040000 -o {folder}/made.img", {65, 0}),
    "image": ("!{folder}/nothing.yaml", {65}),
    "keys": ("!{key}", {0}),
}
# Another program's output: it has the line.
NOT_OURS = {"line run": ("run east --socket {socket} -- echo {{port}}", {0})}
# One object a line; of all others one object. A table of its own stays one.
MANY = {"values", "doctor", "find", "profile check", "profile try", "profile import", "import", "update",
        "calibrate", "commission", "line", "node blink"}


def test_every_form_of_every_command_has_its_row():
    assert set(FORMS) | {"line"} == set(ROWS) | set(NOT_OURS), set(FORMS) ^ (set(ROWS) | set(NOT_OURS))


PROFILE = """label: x
fields:
  - { metric: air_temperature, register: 1, type: s16, scale: 0.1 }
writes:
  - { name: rate, register: 100, min: 1, max: 9 }
"""
EXPORT = ("time,device,metric,channel,mean,min,max,count,flag\n"
          "2026-04-01T05:00:00.000Z,air,air_temperature,,-1,-1,-1,1,good\n")
PAST = "time,air_temperature,kg,pickers\n" + "".join(
    f"2026-{1 + day // 28:02}-{1 + day % 28:02}T{hour:02}:00,{4 + day / 10:.1f},,\n"
    for day in range(110) for hour in range(0, 24, 6)) + "2026-04-20,,9.5,4\n2026-04-22,,8.5,4\n"


class Bench:
    """A garden and a folder of files, and the words of each row with their names filled in."""

    def __init__(self, folder):
        self.count = 0
        self.folder = folder
        self.site = garden.Site(folder)
        self.site.start_broker()
        self.site.start_field([{"name": "east", "baud": 9600, "units": [
            {"kind": "xy-md02", "address": 1, "name": "air"}]}, {"name": "west", "baud": 9600, "units": [
                {"kind": "relay", "address": 1, "name": "relay"}]}])
        app = folder / "app"
        app.mkdir()
        (app / "index.html").write_text("app")
        gateway = self.site.start_gateway(more={"http": {
            "listen": f"127.0.0.1:{garden.free_port()}", "app_dir": str(app)}})
        self.config = gateway.config_path
        self.socket = folder / "baiyed.sock"
        shutil.copy(garden.ROOT / "firmware/boot/keys/test.pem", folder / "key.pem")
        (folder / "profile.yaml").write_text(PROFILE)
        (folder / "nothing.yaml").write_text("nothing: here\n")
        (folder / "export.csv").write_text(EXPORT)
        (folder / "past.csv").write_text(PAST)
        garden.wait_until(lambda: garden.listens(self.socket), 120, "the control socket")
        garden.wait_until(lambda: run("values", "--socket", self.socket).returncode == 0, 120, "values")

    def prepare(self, form):
        """What a form before this one, or this one in another language, has used up."""
        if form.startswith("user"):
            run("user", "add", "grandma", "--role", "farmer", "--config", self.config)
        if form == "wipe":
            wiped = self.folder / "wiped"
            wiped.mkdir(exist_ok=True)
            config = {**yaml.safe_load(self.config.read_text()), "store": {"path": str(wiped / "a.db")}}
            (wiped / "baiye.yaml").write_text(yaml.safe_dump(config))

    def words(self, form, more=()):
        words, codes = (ROWS | NOT_OURS)[form]
        self.prepare(form)
        self.count += 1
        told = [form.split()[0], *words.lstrip("!").format(
            folder=self.folder, config=self.config, socket=self.socket, n=self.count,
            key=self.folder / "key.pem", profile=self.folder / "profile.yaml").split(), *more]
        asks = [] if words.startswith("!") or form in NOT_OURS else ["--socket", self.socket]
        return [*map(str, told), *map(str, asks)], codes


@pytest.fixture(scope="module")
def bench():
    if not all(garden.program(name).exists() for name in ("baiye", "baiyed", "baiye-field")):
        pytest.fail("not built")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))  # short: paths stand in what is said
    made = Bench(folder)
    yield made
    made.site.close()
    shutil.rmtree(folder, ignore_errors=True)


def documented(name):
    """The exit codes of its help, or else those that the manual has for all."""
    text = " ".join(help_of(name).split())
    own = text.split("Exit ", 1)[1] if re.search(r"Exit \d", text) else ""
    found = {int(code) for code in re.findall(r"(?:^|[;,.] )(\d+)(?=:)", own)}
    status = MANUAL[MANUAL.index(".Sh EXIT STATUS"):MANUAL.index(".Sh SEE ALSO")]
    return found | ({0, 64} if found else {int(code) for code in re.findall(r"^\.It (\d+)$", status, re.M)})


def test_each_form_ends_with_a_code_that_is_documented_and_sends_no_escapes_to_a_file(bench):
    wrong = []
    for form in [*ROWS, *NOT_OURS]:
        words, codes = bench.words(form)
        done = run(*words)
        if done.returncode not in codes or done.returncode not in documented(form.split()[0]):
            wrong.append((form, done.returncode, done.stdout, done.stderr))
        if ESCAPE.search(done.stdout + done.stderr):
            wrong.append((form, "escape", done.stdout, done.stderr))
    assert not wrong, "\n\n".join(map(str, wrong))


def parsed(form, text):
    """One object, or one a line."""
    if form in MANY:
        return [json.loads(line) for line in text.splitlines()]
    return [json.loads(text)]


def test_each_form_prints_json_and_nothing_else(bench):
    wrong = []
    for form in ROWS:
        words, codes = bench.words(form, ["--json"])
        done = run(*words)
        try:
            told = parsed(form, done.stdout) if done.stdout or done.returncode == 0 else []
        except ValueError:
            told = None
        if told is None or done.returncode not in codes or not all(isinstance(one, dict) for one in told):
            wrong.append((form, done.returncode, done.stdout, done.stderr))
    assert not wrong, "\n\n".join(map(str, wrong))


def test_each_help_is_chinese_where_the_terminal_is():
    wrong = []
    for name in LIST:
        text = run("help", name, language="zh_CN.UTF-8").stdout
        if left := english(re.sub(r"^(用法：| {7,9}).*$", "", text, flags=re.M)):
            wrong.append((name, left, text))
    assert not wrong, "\n\n".join(map(str, wrong))


def on_terminal(words, **more):
    """What is shown on a terminal of 80 columns, standard output and error together."""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    child = subprocess.Popen([garden.program("baiye"), *words], stdin=subprocess.DEVNULL, stdout=terminal,
                             stderr=terminal, env={**os.environ, "TERM": "xterm", **more})
    os.close(terminal)
    text = b""
    try:
        while piece := os.read(main, 4096):
            text += piece
    except OSError:  # the last one has closed it
        pass
    child.wait(120)
    os.close(main)
    return text.decode()


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "C"] if garden.FULL else ["zh_CN.UTF-8"])
def test_each_form_fits_a_terminal_speaks_its_language_and_has_no_colours_that_are_not_wanted(bench, language):
    wrong = []
    for form in ROWS:
        if form in ("keys", "alert csv"):  # a C file; a table for spreadsheets
            continue
        words, _ = bench.words(form)
        text = on_terminal(words, NO_COLOR="1", LC_ALL=language)
        wide = [line for line in re.split(r"[\r\n]", text) if columns(line) > 80]
        left = [] if language == "C" or form == "forecast replay" else english(
            re.sub(r"\s*\n +", " ", text)) + HALF_WIDTH.findall(text)
        if wide or left or "\x1b" in text:
            wrong.append((form, wide, left, text))
    assert not wrong, "\n\n".join(map(str, wrong))


# xterm's, since others are chosen with care.
PALETTE = {"31": (205, 0, 0), "32": (0, 205, 0), "33": (205, 205, 0), "34": (0, 0, 238), "35": (205, 0, 205),
           "36": (0, 205, 205)}
LEAST_CONTRAST = 3  # of words that are of one colour, by WCAG 2.1, 1.4.3


def luminance(colour):
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts))


def test_colours_are_legible_on_a_black_and_on_a_white_terminal(bench):
    used = set()
    for form in ("doctor", "line"):
        words, _ = bench.words(form)
        used |= set(re.findall(r"\x1b\[([0-9;]*)m", on_terminal(words, LC_ALL="C")))
    assert used & {"31", "35"} and used <= {"0", "1", "2", *PALETTE}, used
    for code in used & set(PALETTE):
        own = luminance(PALETTE[code])
        for paper in (0, 1):
            lighter, darker = max(own, paper), min(own, paper)
            assert (lighter + 0.05) / (darker + 0.05) >= LEAST_CONTRAST, (code, paper)


def test_the_manual_has_the_exit_codes_that_the_sources_have():
    status = MANUAL[MANUAL.index(".Sh EXIT STATUS"):]
    told = {int(code) for code in re.findall(r"^\.It (\d+)$", status, re.M)}
    used = {name for path in (garden.ROOT / "tools/cli").rglob("*.c")
            for name in re.findall(r"\bEX_[A-Z]+\b", path.read_text())}
    numbers = {getattr(os, name) for name in used - {"EX_INTERRUPTED"}}
    assert told == numbers | {1, 130}, told ^ (numbers | {1, 130})
