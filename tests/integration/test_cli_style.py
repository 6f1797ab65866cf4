# SPDX-License-Identifier: Apache-2.0
"""Every command of `baiye` is asked for help, refuses and ends in the same way; a shell completes them."""
import os
import re
import subprocess

import pytest

import garden
from screen_columns import columns

COMPLETIONS = garden.ROOT / "gateway/packaging/completions/baiye"
CHINESE = re.compile("[\u4e00-\u9fff]")


def baiye(*words, language="C"):
    return subprocess.run([garden.program("baiye"), *map(str, words)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LANG": language, "LC_ALL": language, "COLUMNS": "200"})


def commands():
    return re.findall(r"^  ([a-z0-9]+) ", baiye("--help").stdout.split("\n\n")[1], re.M)


COMMANDS = commands() if garden.program("baiye").exists() else ["none"]
# What asks the gateway, with arguments that are right.
ASKING = {"reload": (), "devices": (), "values": (), "stats": (), "read": ("a", 0), "write": ("a", "b", 1),
          "scan": ("east",), "nodes": ("east",), "node": ("a", "blink"), "address": ("east", "1", 2),
          "settings": ("a",), "pause": ("east", 5), "resume": ("east",), "raw": ("east", 1, "0300000001"),
          "resend": ("a", 1, 1), "audit": (), "actions": (), "alert": ("list",)}


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiye")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_the_same_in_each_way_and_fits_a_terminal(name):
    told = baiye(name, "--help")
    assert told.returncode == 0 and told.stderr == ""
    assert re.search(rf"^ *([Uu]sage: )?baiye {name}", told.stdout, re.M), told.stdout
    assert told.stdout == baiye(name, "-h").stdout == baiye("help", name).stdout
    assert max(map(len, told.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_a_blank_stands_between_chinese_and_a_word(name):
    told = baiye(name, "--help", language="zh_CN.UTF-8").stdout
    assert CHINESE.search(told)
    assert re.findall("[\u4e00-\u9fff][A-Za-z0-9-]|[A-Za-z0-9][\u4e00-\u9fff]", told) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_a_wrong_use(name):
    told = baiye(name, "--no-such-option")
    assert told.returncode == 64 and told.stdout == "" and told.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_too_many_words_are_a_wrong_use(name):
    told = baiye(name, *"abcdefghi")
    assert told.returncode == 64 and told.stdout == "" and told.stderr


@pytest.mark.parametrize("name", ASKING)
def test_without_a_gateway_it_is_69(name, tmp_path):
    told = baiye(name, *ASKING[name], "--socket", tmp_path / "none.sock")
    assert told.returncode == 69 and "no gateway answers" in told.stderr and told.stdout == ""
    chinese = baiye(name, *ASKING[name], "--socket", tmp_path / "none.sock", language="zh_CN.UTF-8")
    assert chinese.returncode == 69 and CHINESE.search(chinese.stderr)


def test_the_list_of_commands_fits_and_is_chinese_too():
    english, chinese = baiye("--help").stdout, baiye("--help", language="zh_CN.UTF-8").stdout
    assert max(map(columns, (english + chinese).splitlines())) <= 80
    rows = re.findall(r"^  [a-z0-9]+ +(.*)", chinese.split("\n\n")[1], re.M)
    assert len(rows) == len(COMMANDS) and all(map(CHINESE.search, rows)), rows


# --- completion, by bash's own machinery ---

def complete(*words):
    """What bash offers for the last word."""
    script = (f"source {COMPLETIONS}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
              "complete -p baiye >/dev/null && _baiye && printf '%s\\n' \"${COMPREPLY[@]}\"")
    path = f"{garden.program('baiye').parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", "baiye", *words], text=True,
                          capture_output=True, timeout=60, env={**os.environ, "PATH": path})
    return done.stdout.split()


def test_commands_are_completed():
    assert complete("comm") == ["commission"]
    assert set(COMMANDS) < set(complete(""))
    assert complete("help", "fi") == ["find"]


def test_options_of_a_command_are_completed():
    assert complete("commission", "east", "--y") == ["--yes"]
    assert {"--port", "--all", "--json", "--help"} <= set(complete("find", "--"))


def test_what_follows_a_command_is_completed():
    assert complete("alert", "h") == ["history"]
    assert complete("profile", "") == ["check", "import", "try"]
    assert complete("user", "") == ["add", "init", "list", "passwd", "passwd-own", "remove"]
    assert complete("import", "") == ["home-assistant", "mqmgateway", "telegraf"]
    assert complete("profile", "import", "x", "--format", "w") == ["wb-mqtt-serial"]
    assert complete("user", "add", "n", "--role", "") == ["farmer", "screen", "technician"]
    assert complete("node", "plot-1", "s") == ["selftest"]
    assert complete("report", "east", "--lang", "z") == ["zh"]
