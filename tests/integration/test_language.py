# SPDX-License-Identifier: Apache-2.0
"""What a technician reads is Chinese where the terminal is, at the same places as in English, and on a
machine that has no locale but C.UTF-8."""
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["BAIYE_BUILD"])
PROFILE = """label: x
fields:
  - { metric: air_temperature, register: 40001, unit: K, scale: 0.1 }
  - { metric: air_humdity, register: 70000, every: 5 }
  - { metric: soil_ph, register: 1, type: u8, order: cdab }
writes:
  - { name: a, register: 40010, function: 5, min: 0, max: 9 }
"""
CONFIG = """site: garden
mqtt:
  - { name: local, url: mqtt//x }
buses:
  - { name: east, port: /dev/ttyUSB0, devices: [{ name: a, profile: xy-md02, address: 1 }] }
"""
CHINESE = re.compile("[\u4e00-\u9fff]")


def run(language, *command):
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith("LC_") and key not in ("LANG", "LANGUAGE")}
    return subprocess.run([BUILD / "bin" / command[0], *command[1:]], capture_output=True, text=True,
                          env={**environment, **language}, check=False)


def errors(language, *command):
    done = run(language, *command)
    text = done.stdout + done.stderr
    return done.returncode, [line for line in text.splitlines() if re.match(r"\S+:\d+: ", line)]


@pytest.mark.parametrize("language", [{"LANG": "zh_CN.UTF-8"}, {"LC_ALL": "zh_TW.UTF-8"},
                                      {"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}])
def test_each_mistake_is_told_in_chinese_at_the_same_line(tmp_path, language):
    profile, config = tmp_path / "p.yaml", tmp_path / "c.yaml"
    profile.write_text(PROFILE)
    config.write_text(CONFIG)
    for command in (["baiye", "profile", "check", profile], ["baiye", "check", "--config", config],
                    ["baiyed", "--check", "--config", config]):
        code, english = errors({}, *command)
        assert code in (65, 78) and english and not any(map(CHINESE.search, english)), english
        chinese_code, chinese = errors(language, *command)
        assert chinese_code == code

        def place(lines):
            return [re.match(r"\S+:\d+: ", line).group() for line in lines]
        assert place(chinese) == place(english)
        assert all(map(CHINESE.search, chinese)), chinese


@pytest.mark.parametrize("language", [{}, {"LANG": "C"}, {"LANG": "de_DE.UTF-8"},
                                      {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}])
def test_any_other_language_is_english(language):
    done = run(language, "baiye", "valeus")
    assert done.stderr == 'baiye: there is no command "valeus"; did you mean "baiye values"?\n'


def test_the_systems_own_words_are_whole():
    """Those of strerror(), which come in the locale's encoding: C.UTF-8 when there is no other."""
    done = run({"LANG": "zh_CN.UTF-8"}, "baiye", "check", "--config", "/nonexistent/baiye.yaml")
    assert done.returncode == 78 and "读不了这个文件" in done.stderr and "??" not in done.stderr


def test_numbers_stay_as_programs_write_them(tmp_path):
    """A locale with a decimal comma changes no number that is read or written."""
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.replace("site: garden", "site: garden\nlocation: { lat: 26.5x, lon: 1 }"))
    done = run({"LANG": "zh_CN.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"}, "baiye", "check", "--config", config)
    assert ":2: " in done.stderr + done.stdout and "26.5" in done.stderr + done.stdout


def test_what_the_command_knows_by_its_form_the_gateway_says():
    """Texts with names in them are looked up by forms; each is one of the gateway's own."""
    source = "\n".join(path.read_text() for path in sorted((ROOT / "gateway/daemon/rpc").glob("*.c")))
    said = ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
            for text in re.findall(r'"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*', source)]
    said += [f"%.64s {end}" for end in said if end.startswith("is no ")]  # put together there
    patterns = [re.sub(r"(?:%(?:\\?\.(?:\\?\*|\d+))?(?:ll)?[sdfu])+", ".+", re.escape(text)
                       .replace("%%", "%")) for text in said if "%" in text]
    forms = re.findall(r'N_\("((?:[^"\\]|\\.)*)"\)', (ROOT / "tools/cli/words.c").read_text())
    assert len(forms) > 10
    lost = [form for form in forms if not any(re.fullmatch(one, form) for one in patterns)]
    assert not lost, lost


def test_each_method_that_the_audit_keeps_has_words():
    kept = {"switch", "login"}
    for path in (ROOT / "gateway/daemon/rpc").glob("methods*.c"):
        for name, row in re.findall(r'{\.name = "(\w+)",([^}]*)}', path.read_text()):
            if ".command = true" in row or ".secret = true" in row:
                kept.add(name)
    words = (ROOT / "tools/cli/audit_words.c").read_text().split("static const struct word keys")[0]
    assert len(kept) > 25 and kept == set(re.findall(r'{"(\w+)", N_\(', words))


# What a gateway keeps of requests: the result as it writes it, and how a person reads it.
RESULTS = {"ok": ("ok", "正常"), "skipped": ("skipped", "跳过"), "no answer": ("no answer", "没有应答"),
           "exception: the device refused: Modbus exception 2, illegal data address":
               (None, "设备拒绝了：Modbus 异常 2，地址不存在"),
           "mismatch: the device acknowledged it, but reads back otherwise: it did not take it":
               (None, "设备应答了，但读回来不同：它没有接受"),
           "the device acknowledged it, but reads back otherwise: it did not take it":
               (None, "设备应答了，但读回来不同：它没有接受"),
           "duplicate: already taken": (None, "重复：已经接收过"),
           "expired: the request came too late": (None, "请求来得太晚"),
           "more were refused in this minute": (None, "这一分钟里还拒绝了更多")}


def test_the_audit_says_how_it_ended_in_the_readers_language(tmp_path):
    """Shown with a gateway that is made up: some of these ends are rare."""
    rows = [{"ts": 1795293274123, "user": "gateway", "via": "actions", "method": "switch", "result": result,
             "detail": json.dumps({"action": "", "device": "relay", "value": 0, "why": "the gateway started"})}
            for result in RESULTS]
    results = {"time": {"ts": 1795293275000, "trust": "trusted"}, "audits": {"audits": rows}}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen(2)

    def gateway():
        for _ in range(2):
            with listener.accept()[0] as connection:
                for line in connection.makefile():  # until it hangs up
                    answer = {"result": results[json.loads(line)["method"]]}
                    connection.sendall(json.dumps(answer).encode() + b"\n")
    thread = threading.Thread(target=gateway, daemon=True)
    thread.start()
    english, chinese = (run({"LC_ALL": language, "COLUMNS": "300"}, "baiye", "audit", "--socket", tmp_path / "s")
                        .stdout.splitlines() for language in ("C", "zh_CN.UTF-8"))
    thread.join(20)
    listener.close()
    for result, line, translated in zip(RESULTS, english, chinese, strict=True):
        assert line.endswith(f" switch an output, device relay, value 0, because the gateway started: {RESULTS[result][0] or result}")
        assert re.search(f" 切换输出，设备 relay，值 0，原因 主机启动了：{RESULTS[result][1]}$", translated), translated
