# SPDX-License-Identifier: Apache-2.0
"""A password is what was typed: all of it, and nothing that is guessed first."""
import base64
import hashlib
import os
import subprocess

import pytest

import garden

CONFIG = """site: hill
store: { path: readings.db }
mqtt:
  - { name: local, url: mqtt://127.0.0.1:1, user: gateway, password_file: gw.pass }
buses:
  - name: east
    type: tcp
    port: 127.0.0.1:502
    devices:
      - { name: plot-1, profile: baiye-node, address: 1, every: 60s }
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "baiye.yaml").write_text(CONFIG)
    return tmp_path


def user(folder, *words, password=None, code=0):
    more = ["--password-file", "-"] if password is not None else []
    result = subprocess.run([garden.BUILD / "bin" / "baiye", "user", *words, *more,
                             "--config", folder / "baiye.yaml"],
                            input=password, capture_output=True, text=True, timeout=120)
    assert result.returncode == code, result.stderr
    return result


def logs_in(folder, name, password):
    """Would the broker take it? PBKDF2 as its file says."""
    for line in (folder / "mosquitto.passwd").read_text().splitlines():
        owner, _, rest = line.partition(":")
        _, kind, count, salt, wanted = rest.split("$")
        if owner == name:
            assert kind == "7"
            made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt),
                                       int(count))
            return made == base64.b64decode(wanted)
    return False


def rounds(folder):
    """Of each user: how often a guess is hashed."""
    lines = (folder / "mosquitto.passwd").read_text().splitlines()
    return {line.split(":")[0]: int(line.split("$")[2]) for line in lines}


@pytest.mark.parametrize("password", [
    "a:Very-Long-one", ":starts-with-colon7", "Colons:in::many:places", "ends-with-colon-x9:",
    "茶园里的白叶一号很好", "inner  blanks stay 7", "$7$101$not$a-hash", "".join(chr(33 + 7 * i % 93) for i in range(128))])
def test_the_whole_password_counts(folder, password):
    user(folder, "add", "li", "--role", "farmer", password=password + "\n")
    assert logs_in(folder, "li", password) and rounds(folder)["li"] >= 100_000
    for part in {password.split(":")[0], password[:-1], password.strip(":"), password[:12]}:
        assert part == password or not logs_in(folder, "li", part)


@pytest.mark.parametrize("password", [
    "short7!", "aaaaaaaaaaaa", "abababababab", "12345678", "password", "Password1", "qwertyuiop",
    "iloveyou", "88888888", "1q2w3e4r", "li-is-in-it-9", " leading-blank7", "trailing-blank7 ",
    "tab\tinside-7x", "bell\x07inside-7", "escape\x1b[31m-7", "c1\u0085control-7", "", "y7z" * 50])
def test_a_password_that_cannot_work_or_is_guessed_first_is_refused(folder, password):
    name = "li-is" if "li-is" in password else "li"
    result = user(folder, "add", name, "--role", "farmer", password=password + "\n", code=65)
    assert "password" in result.stderr
    assert not (folder / "mosquitto.passwd").exists()


def test_a_user_gets_a_new_password_and_keeps_the_role(folder):
    user(folder, "add", "li", "--role", "technician", password="first-one-77\n")
    user(folder, "passwd", "li", password="second:one-88\n")
    assert logs_in(folder, "li", "second:one-88") and not logs_in(folder, "li", "first-one-77")
    assert (folder / "users").read_text() == "li technician\n"
    user(folder, "passwd", "wang", password="second:one-88\n", code=67)


def test_what_nobody_types_costs_the_broker_no_time_at_a_login(folder):
    """It has one thread. Of so many random letters, none is guessed however fast a guess is."""
    user(folder, "init")
    for name, role in ("led", "screen"), ("li", "farmer"):
        made_up = user(folder, "add", name, "--role", role).stdout.split("password: ")[1].strip()
        assert logs_in(folder, name, made_up) and not logs_in(folder, name, made_up[:-1])
        assert role == "farmer" or len(made_up) >= 24
    assert rounds(folder) == {"gateway": 101, "led": 101, "li": 100_000}
    user(folder, "passwd", "led", password="chosen-by-7-people\n")
    user(folder, "init")  # what stands in gw.pass may be a person's
    assert rounds(folder) == {"gateway": 100_000, "led": 100_000, "li": 100_000}


def test_the_broker_takes_what_was_written(folder):
    """With mosquitto itself."""
    password = "with:colon-and 7"
    user(folder, "add", "li", "--role", "farmer", password=password + "\n")
    port = garden.free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n"
        f"password_file {folder}/mosquitto.passwd\n")
    os.chmod(folder / "mosquitto.passwd", 0o600)
    broker = subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"],
                              stderr=subprocess.DEVNULL)
    try:
        def tries(word):
            return subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-u", "li",
                                   "-P", word, "-t", "x", "-m", "y"],
                                  capture_output=True, timeout=120).returncode
        garden.wait_until(lambda: tries(password) == 0, 10, "mosquitto listens")
        assert tries("with") == 5 and tries("wrong") == 5
    finally:
        broker.kill()
        broker.wait(10)
