# SPDX-License-Identifier: Apache-2.0
"""What a technician does to a node that hangs on the line: `baiye settings` and `baiye calibrate`,
through the running gateway, to real firmware. What is in the registers afterwards is read by a
client that we did not write."""
import json
import os
import pty
import re
import subprocess
import time

import pytest

import garden

NODE, PROBE = 5, 7
MAP = (garden.ROOT / "protocols/node_map/NODE_MAP.md").read_text()


def settings_of_map():
    """{name: (register, from, to, factory)} of the generated document."""
    rows = re.findall(r"^\| (\w+) \| (0x01\w\w) \| (\d+) \| (\d+) \| (\d+) \|", MAP, re.M)
    return {name: (int(register, 16), *map(int, numbers)) for name, register, *numbers in rows}


@pytest.fixture
def baiye(site, needs, request):
    """Runs the command at a gateway with one node and one bought probe; the weather's speed may be
    given."""
    needs("baiyed", "baiye-field", "baiye-node", "baiye")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "native", "address": NODE, "name": "plot-1", "period_s": 30},
        {"kind": "zts-3001", "address": PROBE, "name": "soil-7", "period_s": 30}]}],
        weather={"speed": getattr(request, "param", 1)})
    site.start_watcher()
    site.start_gateway()
    garden.wait_until(lambda: site.watcher.count("plot-1"), 30, "the node is polled")

    def run(*arguments, code=0, stdin=""):
        done = subprocess.run([garden.program("baiye"), *[str(part) for part in arguments],
                               "--socket", site.folder / "baiyed.sock"], input=stdin,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


def by_mbpoll(site, first, count):
    """The node's registers, when the gateway has let go of the line."""
    site.gateway.stop()
    text = subprocess.run(["mbpoll", "-m", "rtu", "-a", str(NODE), "-b", "9600", "-P", "none", "-0",
                           "-t", "4:hex", "-r", str(first), "-c", str(count), "-1", "-o", "2",
                           site.field.port("east")], capture_output=True, text=True,
                          check=True).stdout
    values = {int(at): int(value, 16) for at, value in
              re.findall(r"^\[(\d+)\]:\s+0x(\w+)", text, re.M)}
    assert len(values) == count, text
    return [values[first + i] for i in range(count)]


def audits(baiye, method):
    rows = json.loads(baiye("audit", 50, "--json"))["audits"]
    return [row for row in rows if row["method"] == method]


def test_settings_are_shown_and_set_by_name(baiye, site):
    names = settings_of_map()
    shown = baiye("settings", "plot-1")
    assert names.keys() == set(re.findall(r"^(\w+) .*\.\.", shown, re.M)), shown
    assert re.search(r"^tip +0\.20 mm +0\.01\.\.10\.00 +0\.20 +rain for one tip", shown, re.M), shown
    assert f"address {NODE}, 9600 baud, parity none" in shown

    said = baiye("settings", "plot-1", "tip=0.25", "stuck=24")
    assert "tip: 0.25 mm, was 0.20 mm; stored, read back, in force" in said
    assert "stuck: 24 h, was 12 h" in said
    assert re.search(r"^tip +0\.25 mm", baiye("settings", "plot-1"), re.M)
    row = audits(baiye, "set")[0]
    assert row["result"] == "ok" and '"tip":0.25,' in row["detail"], row

    site.field.control("power", line="east", unit=NODE, on=False)
    site.field.control("power", line="east", unit=NODE, on=True)
    values = by_mbpoll(site, 0x0110, 7)
    assert values == [30, 600, 0, 0, 25, 24, 0], "kept over a power cut, and nothing else changed"


WRONG_SETTINGS = [
    (["tip=0.3", "stuck=999"], "stuck: 0 to 168 h is possible, in steps of 1"),
    (["tip=0.3", "window=0"], "window: 1 to 65535 s is possible"),
    (["tip=0.3", "stuck=1.5"], "in steps of 1"),
    (["tip=0.255"], "tip: 0.01 to 10.00 mm is possible, in steps of 0.01"),
    (["tip=0.3", "colour=1"], 'no setting is called "colour"'),
    (["tip=0.3", "address=9"], "`baiye address east SERIAL ADDRESS`"),
    (["tip=0.3", "baud=19200"], "all devices of a line have one rate"),
    (["tip=0.3", "period=60"], "keeps the period at `every:` of its file, 30 s"),
]
NO_SETTINGS = [(["tip=much"], "no NAME=NUMBER"), (["tip"], "no NAME=NUMBER"),
               (["=1"], "no NAME=NUMBER"), (["tip=0.3", "tip=0.4"], "given twice")]


def test_one_bad_setting_leaves_all_as_they_were(baiye):
    before = baiye("settings", "plot-1")
    for wrong, why in NO_SETTINGS:
        assert why in baiye("settings", "plot-1", *wrong, code=64)
    assert not audits(baiye, "set"), "not even asked for"
    for wrong, why in WRONG_SETTINGS:
        assert why in baiye("settings", "plot-1", *wrong, code=1)
        assert audits(baiye, "set")[0]["result"].startswith("invalid")
    assert baiye("settings", "plot-1") == before


def test_only_our_nodes_have_settings_and_calibrations(baiye):
    assert "none of our nodes" in baiye("settings", "soil-7", code=1)
    assert "none of our nodes" in baiye("settings", "soil-7", "tip=1", code=1)
    assert "none of our nodes" in baiye("calibrate", "soil-7", code=1)
    assert "none of our nodes" in baiye("calibrate", "soil-7", "soil_ph", 6.5, "--yes", code=1)
    for command in "settings", "calibrate":
        assert 'no device "nobody"; `baiye devices` lists them' in baiye(command, "nobody", code=1)


def known(baiye, metric):
    return json.loads(baiye("calibrate", "plot-1", metric, "--json"))


def s32(words):
    return int.from_bytes(words[0].to_bytes(2, "big") + words[1].to_bytes(2, "big"), "big",
                          signed=True)


def test_an_offset_is_measured_stored_and_seen_by_everybody(baiye, site):
    before = known(baiye, "air_temperature")
    true = round(before["value"] + 1.5, 2)
    said = baiye("calibrate", "plot-1", "air_temperature", true, "--yes", "--operator", 7)
    assert "before" in said and "the sensor's own conversion" in said
    assert re.search(r"new +offset \+1\.\d\d °C", said) and "stored and read back" in said, said
    after = known(baiye, "air_temperature")
    assert abs(after["value"] - true) < 0.2 and after["operator"] == 7, after
    assert after["date"] == int(time.strftime("%Y%m%d"))
    garden.wait_until(lambda: abs(site.watcher.live["plot-1"]["values"]["air_temperature"] - true)
                      < 0.2, 40, "the subscriber sees the calibrated value")

    again = baiye("calibrate", "plot-1", "air_temperature", true + 1, "--yes")
    assert re.search(r"new +offset \+2\.\d\d °C", again), again
    row = audits(baiye, "calibrate")[0]
    assert row["result"] == "ok" and "air_temperature" in row["detail"], row
    garden.wait_until(lambda: not site.watcher.gap_seqs("plot-1") and site.watcher.count("plot-1")
                      >= 12, 60, "the samples beside the schedule are readings like any other")

    words = by_mbpoll(site, 0x0300, 26)
    assert words[0] == 0 and words[5] == 1, "one point: an offset"
    assert 230 <= s32(words[8:10]) <= 270, words


def along(points, raw):
    """On the line through both; the garden's soil moves from sample to sample."""
    (low, least), (high, most) = points
    return least + (raw - low) / (high - low) * (most - least)


def test_points_measured_at_different_times_make_a_table(baiye, site):
    raw = known(baiye, "soil_moisture")["raw"]
    said = baiye("calibrate", "plot-1", "soil_moisture", f"{raw - 500}=dry", "wet", "--yes",
                 "--samples", 2)
    assert re.search(rf"new +raw {raw - 500} = 0\.00 %, raw \d+ = 45\.00 %", said), said
    got = known(baiye, "soil_moisture")
    assert [percent for _, percent in got["points"]] == [0, 45], got
    assert abs(got["value"] - along(got["points"], got["raw"])) < 0.1, got

    baiye("settings", "plot-1", "soil=3")  # organic: another end
    said = baiye("calibrate", "plot-1", "soil_moisture", "wet", "--yes", "--samples", 2)
    assert re.search(rf"new +raw {raw - 500} = 0\.00 %, raw \d+ = 60\.00 %", said), said

    said = baiye("calibrate", "plot-1", "soil_moisture", 50, "--yes", "--samples", 2)
    points = known(baiye, "soil_moisture")["points"]
    samples = [int(n) for n in re.findall(r"sample \d of 2: .*raw (\d+)", said)]
    assert len(samples) == 2 and abs(along(points, sum(samples) / 2) - 50) < 0.5, (said, points)
    assert abs(points[1][1] - points[0][1] - 60) < 0.02, "the whole table is moved"

    baiye("calibrate", "plot-1", "soil_moisture", "--clear", "--yes")
    assert known(baiye, "soil_moisture")["points"] == []
    assert by_mbpoll(site, 0x0305, 1) == [0]


def test_a_lone_end_says_what_is_to_be_done_next(baiye):
    said = baiye("calibrate", "plot-1", "soil_moisture", "dry", "--yes", "--samples", 2, code=75)
    following = re.search(r"^  baiye (calibrate plot-1 soil_moisture (\d+)=0\.00 wet)$", said, re.M)
    assert following, said
    raw = int(following[2]) - 400
    said = baiye("calibrate", "plot-1", "soil_moisture", f"{raw}=0.00", "wet", "--yes",
                 "--samples", 2)
    assert "stored and read back" in said


@pytest.mark.parametrize("baiye", [6000], indirect=True)
def test_a_technician_at_a_terminal_is_asked(baiye, site):
    """For each point, and once more before anything is stored."""
    def talk(answers):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [garden.program("baiye"), "calibrate", "plot-1", "air_temperature", "20", "30",
             "--samples", "2", "--spread", "100", "--socket", site.folder / "baiyed.sock"],
            stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        os.close(slave)
        os.write(master, answers)
        text = process.communicate(timeout=60)[0]
        os.close(master)
        assert "Bring the probe to what is 20.00 °C" in text and "what is 30.00 °C" in text
        assert "Store this? [y/N]" in text, text
        return process.returncode, text

    code, text = talk(b"\n\nn\n")
    assert code == 1 and "nothing was changed" in text, text
    assert known(baiye, "air_temperature")["points"] == []
    code, text = talk(b"\n\ny\n")
    assert code == 0 and "stored and read back" in text, text
    assert len(known(baiye, "air_temperature")["points"]) == 2


NO_CALIBRATIONS = [
    (["rainfall", 12.5, "--yes"], 1, "`baiye settings plot-1 tip=0.2`"),
    (["illuminance", 100, "--yes"], 1, "its sensor gives no illuminance: absent"),
    (["air_temperature", "dry", "--yes"], 1, "dry and wet are for soil"),
    (["air_temperature", "10=20", "10=30", "--yes"], 1, "two points must differ in both"),
    (["air_temperature", 20, 30, "--yes"], 1, "one point is measured at a time"),
    (["air_temperature", 20], 64, "give --yes"),
    (["air_temperature", "warm", "--yes"], 64, "VALUE, RAW=VALUE, dry or wet"),
    (["air_temperature", 1, 2, 3, 4, 5, 6, "--yes"], 64, "up to 5"),
    (["air_temperature", 20, "--samples", "many", "--yes"], 64, "--samples"),
    (["brightness", 20, "--yes"], 1, 'a node measures no "brightness"'),
    (["air_temperature", "-3.5"], 64, "give --yes"),  # a frost, no option
    (["air_temperature", "-.5"], 64, "give --yes"),
]


def test_what_makes_no_sense_is_refused_before_anything_is_written(baiye):
    for arguments, code, why in NO_CALIBRATIONS:
        assert why in baiye("calibrate", "plot-1", *arguments, code=code)
    baiye("settings", "plot-1", "compensation=1.9")
    said = baiye("calibrate", "plot-1", "soil_conductivity", 500, "--yes", code=1)
    assert "compensation=0" in said and "compensation=1.90" in said
    assert not audits(baiye, "calibrate")


@pytest.mark.parametrize("baiye", [6000], indirect=True)
def test_what_still_moves_is_not_calibrated(baiye):
    said = baiye("calibrate", "plot-1", "air_temperature", 20, "--yes", "--spread", 0.05, code=1)
    assert re.search(r"not steady: \S+ to \S+ °C .* 0\.05 °C apart is the most", said), said
    assert not audits(baiye, "calibrate")
