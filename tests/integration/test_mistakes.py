# SPDX-License-Identifier: Apache-2.0
"""What people really write wrongly in a configuration: each mistake is told with its file, its line and
what would be right, in English and in Chinese, and all of them at once. Those of profiles are in
tests/unit/config/test_profile_check.c."""
import os
import re
import subprocess

import pytest

import garden

GOOD = """\
site: garden
store: { path: readings.db, max_size: 512MB }
mqtt:
  - { name: local, url: 'mqtt://127.0.0.1:1883', budget: 30MB/month, batch: 10min }
plots:
  - { name: upper, area: 3mu, devices: [plot-1] }
buses:
  - name: east
    port: /dev/ttyUSB0
    baud: 9600
    parity: none
    devices:
      - { name: plot-1, profile: baiye-node, address: 1, every: 60s }
      - { name: soil-7, profile: zts-3001-7in1, address: 7, every: 5min }
alerts:
  - { name: frost, metric: air_temperature, below: 2 }
"""
CHINESE = re.compile("[\u4e00-\u9fff]")

# What stands there, what is written instead, the line that is named, what is said to be right.
MISTAKES = {
    # the form
    "a tab": ("    baud: 9600", "\tbaud: 9600", 10, "begins with a tab; write blanks"),
    "a tab before a dash": ("devices:\n      -", "devices:\n\t-", 13, "begins with a tab"),
    "one blank too few": ("    baud: 9600", "   baud: 9600", 10, "3 blanks and the one above with 4"),
    "two blanks too many": ("    baud: 9600", "      baud: 9600", 10, "6 blanks and the one above with 4"),
    "an item too far left": ("      - { name: soil-7", "    - { name: soil-7", 14,
                             "4 blanks and the one above with 6"),
    "a full-width colon": ("baud: 9600", "baud：9600", 10, 'the full-width "：" is no sign of it; write :'),
    "a full-width colon above all": ("site: garden", "site：garden", 1, 'the full-width "："'),
    "a full-width colon in brackets": ("address: 7", "address：7", 14, 'write "address: "'),
    "a full-width comma": ("name: soil-7,", "name: soil-7，", 14, 'the full-width "，"'),
    "full-width quotes": ("'mqtt://127.0.0.1:1883'", "“mqtt://127.0.0.1:1883”", 4, "write ' or no quotes"),
    "full-width brackets": ("devices: [plot-1] }", "devices: ［plot-1］ }", 6, "must be a list; write for"),
    "no blank behind a colon": ("    baud: 9600", "    baud:9600", 10, 'write "baud: " and the value'),
    "no blank in brackets": ("address: 7", "address:7", 14, 'write "address: ", with a : and a blank'),
    "no blank in the first line": ("site: garden", "site:garden", 1, 'write "site: "'),
    "an equals sign": ("    baud: 9600", "    baud = 9600", 10, 'write "baud: " and the value'),
    "no closing bracket": ("every: 60s }", "every: 60s", 13, "write } or ] at its end"),
    "no comma": ("name: soil-7, profile", "name: soil-7 profile", 14, "write { a: 1, b: 2 }"),
    "no dash before a device": ("      - { name: plot-1", "      { name: plot-1", 13, "write - { ... }"),
    "no dash before a bus": ("  - name: east", "    name: east", 8, 'write "- …" items'),
    "no closing quote": ("'mqtt://127.0.0.1:1883'", "'mqtt://127.0.0.1:1883", 4,
                         "a quote does not end; write it before and behind"),
    "another encoding": ("garden\n", "garden # \udcb0\udcd7\n", 1, "encoding UTF-8"),
    # keys
    "a key twice": ("    baud: 9600", "    baud: 9600\n    baud: 4800", 11, "keep one"),
    "a part twice": ("alerts:", "buses: []\nalerts:", 15, "keep one"),
    "a slip of the pen": ("baud: 9600", "bauds: 9600", 10, 'did you mean "baud"?'),
    "a key in the singular": ("    devices:\n", "    device:\n", 12, 'did you mean "devices"?'),
    "another program's period": ("every: 60s", "interval: 60s", 13, 'did you mean "every"?'),
    "another program's address": ("address: 7", "slave: 7", 14, 'did you mean "address"?'),
    "a third one's": ("address: 7", "unit_id: 7", 14, 'did you mean "address"?'),
    "another program's rate": ("baud: 9600", "baudrate: 9600", 10, 'did you mean "baud"?'),
    "a capital": ("site:", "Site:", 1, 'did you mean "site"?'),
    "a password in the file": ("budget: 30MB/month", "password: secret", 4, 'did you mean "password_file"?'),
    "a place in full": ("store:", "location: { latitude: 26.5, lon: 107 }\nstore:", 2, 'did you mean "lat"?'),
    "no profile": ("profile: zts-3001-7in1, ", "", 14, "add for example profile: baiye-node"),
    "no address": ("address: 7, ", "", 14, "add for example address: 7"),
    "no port": ("    port: /dev/ttyUSB0\n", "", 8, "write for example port: /dev/serial/by-id"),
    "no name": ("name: soil-7, ", "", 14, "add for example name: "),
    # numbers and units
    "minutes in the plural": ("5min", "5mins", 14, "write for example every: 5min"),
    "minutes in full": ("5min", "5 minutes", 14, "write for example every: 5min"),
    "minutes by a letter": ("5min", "5m", 14, "write for example every: 5min"),
    "minutes in Chinese": ("5min", "5分钟", 14, "write for example every: 5min"),
    "no unit": ("every: 60s", "every: 60", 13, "write for example every: 60s"),
    "a size by a letter": ("512MB", "512M", 2, "write for example max_size: 512MB"),
    "a size in small letters": ("512MB", "512mb", 2, "write for example max_size: 512MB"),
    "an area without unit": ("3mu", "3", 6, "write for example area: 3mu"),
    "rate and framing": ("baud: 9600", "baud: 9600 8N1", 10, "write for example baud: 9600"),
    "a grouped number": ("baud: 9600", "baud: 9,600", 10, "write for example baud: 9600"),
    "a rate that no port has": ("baud: 9600", "baud: 9601", 8, "for example baud: 9600"),
    "a parity by its letter": ("parity: none", "parity: N", 11, "did you mean none?"),
    "a parity in capitals": ("parity: none", "parity: EVEN", 11, "did you mean even?"),
    "a framing for a parity": ("parity: none", "parity: 8N1", 11, "write one of none, even, odd"),
    "an address that does not exist": ("address: 7", "address: 300", 14, "outside 0..255; write for example"),
    "an address of everybody": ("address: 7", "address: 0", 14, "1..247"),
    "an odd number": ("address: 7", "address: 0x07h", 14, "write for example address: 7"),
    "yes": ("parity: none", "allow_overload: yes", 11, "write for example allow_overload: true"),
    "a limit with its unit": ("below: 2", "below: 2°C", 16, "write for example below: 2"),
    "a limit in words": ("below: 2", "below: two", 16, "write for example below: 4"),
    # names and places
    "a name with an underscore": ("name: soil-7", "name: soil_7", 14, "write for example name: soil-7"),
    "a name with a capital": ("name: soil-7", "name: Soil 7", 14, "write for example name: soil-7"),
    "a Chinese name": ("name: soil-7", "name: 土壤", 14, "label: 土壤"),
    "a part of a profile's name": ("zts-3001-7in1", "zts-3001", 14, 'did you mean "zts-3001-7in1"?'),
    "a profile's file": ("zts-3001-7in1", "zts-3001-7in1.yaml", 14, "profile: zts-3001-7in1"),
    "an unknown device": ("devices: [plot-1]", "devices: [plot1]", 6, 'did you mean "plot-1"?'),
    "a list without brackets": ("devices: [plot-1]", "devices: plot-1", 6, "write for example [plot-1"),
    "a metric nearly": ("air_temperature", "air_temprature", 16, 'did you mean "air_temperature"?'),
    "a metric in short": ("air_temperature", "temperature", 16, "write one of air_temperature"),
    "an alert without limit": (", below: 2", "", 16, "add above: or below:"),
    "a port of Windows": ("port: /dev/ttyUSB0", "port: COM3", 9, "for example port: /dev/serial/by-id"),
    "a host for a port": ("port: /dev/ttyUSB0", "port: 192.168.1.5:502", 9, "write type: tcp"),
    "a port for a host": ("    port:", "    type: tcp\n    port:", 10, "write for example port: 192.168.1.5:502"),
    "a type in capitals": ("    port:", "    type: TCP\n    port:", 9, "did you mean tcp?"),
    "a broker without scheme": ("mqtt://127.0.0.1:1883", "127.0.0.1:1883", 4, "url: mqtt://127.0.0.1:1883"),
    "a broker as others write it": ("mqtt://127", "tcp://127", 4, "url: mqtt://127.0.0.1:1883"),
    "one address twice": ("address: 7", "address: 1", 14, "give one another address"),
    "one name twice": ("name: soil-7", "name: plot-1", 14, "(first in line 13); give each its own name"),
    "one bus twice": ("alerts:", "  - { name: east, port: /dev/x, devices: [] }\nalerts:", 15,
                      "(first in line 8); give each its own name"),
    "one port twice": ("alerts:", "  - { name: west, port: /dev/ttyUSB0, devices: [] }\nalerts:", 15,
                       "list all its devices in one bus"),
    # rules of alerts, and who is told
    "a plot nearly": ("below: 2", "below: 2, plots: [uper]", 16, 'did you mean "upper"?'),
    "a device nearly": ("below: 2", "below: 2, devices: [soil7]", 16, 'did you mean "soil-7"?'),
    "two limits": ("below: 2", "below: 2, above: 30", 16, "keep one"),
    "another program's level": ("below: 2", "below: 2, level: critical", 16, "did you mean alarm?"),
    "an hour that no day has": ("below: 2", "below: 2, hours: 18:00-25:00", 16, "hours: 18:00-09:00"),
    "one hour alone": ("below: 2", "below: 2, hours: 18:00", 16, "hours: 18:00-09:00"),
    "months by name": ("below: 2", "below: 2, months: march-may", 16, "months: 2-5"),
    "a change without its time": ("below: 2", "change: -3", 16, "change: -3 per 1h"),
    "a change by the hour": ("below: 2", "change: -3 per hour", 16, "change: -3 per 1h"),
    "an end before the limit": ("below: 2", "below: 2, clear: 1", 16, "on the other side"),
    "a way that is not there": ("alerts:", "groups: { night: [yard] }\nalerts:", 15, "add it to notify"),
    "a heartbeat in a word": ("alerts:", "heartbeat: weekly\nalerts:", 15, "heartbeat: Sunday 19:00"),
    "a time zone by a city": ("store:", "location: { lat: 26, lon: 107, timezone: Beijing }\nstore:", 2,
                              "timezone: Asia/Shanghai"),
    "a place turned round": ("store:", "location: { lat: 107.9, lon: 26.5 }\nstore:", 2, "outside -90..90"),
}


def check(folder, text, language="C"):
    path = folder / "g.yaml"
    path.write_text(text, errors="surrogateescape")
    done = subprocess.run([garden.program("baiyed"), "--config", path, "--check"], text=True,
                          capture_output=True, timeout=60,
                          env={**os.environ, "LANG": language, "LC_ALL": language})
    return [line.removeprefix(f"{path}:") for line in done.stderr.splitlines()], done.returncode


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiyed")


def test_without_a_mistake_nothing_is_said(tmp_path):
    assert check(tmp_path, GOOD) == ([], 0)


def test_there_are_more_than_fifty():
    assert len(MISTAKES) >= 50


@pytest.mark.parametrize("name", MISTAKES)
def test_each_is_told_with_its_line_and_what_is_right(tmp_path, name):
    right, wrong, line, says = MISTAKES[name]
    text = GOOD.replace(right, wrong, 1)
    assert text != GOOD
    told, code = check(tmp_path, text)
    assert code == 78 and len(told) == 1, told
    assert told[0].startswith(f"{line}: ") and says in told[0], told
    chinese, code = check(tmp_path, text, "zh_CN.UTF-8")
    assert code == 78 and len(chinese) == 1
    assert chinese[0].startswith(f"{line}: ") and CHINESE.search(chinese[0].replace("土壤", ""))


def test_all_are_told_at_once(tmp_path):
    text = GOOD
    for name in ("a slip of the pen", "a parity by its letter", "minutes by a letter", "a size by a letter",
                 "a broker without scheme", "a limit in words"):
        text = text.replace(*MISTAKES[name][:2], 1)
    told, _ = check(tmp_path, text)
    assert [int(line.split(":")[0]) for line in told] == [2, 4, 10, 11, 14, 16], told


def test_all_are_told_of_how_its_parts_fit_together(tmp_path):
    text = GOOD.replace("zts-3001-7in1", "zts").replace("alerts:", (
        "      - { name: soil-8, profile: xy-md02, address: 1 }\n"
        "      - { name: plot-1, profile: xy-md02, address: 9 }\nalerts:"))
    told, _ = check(tmp_path, text)
    assert [int(line.split(":")[0]) for line in told] == [14, 15, 16], told
