# SPDX-License-Identifier: Apache-2.0
"""`baiye replace`: a new node or probe takes a broken one's place; nobody else is written, and the
history goes on under one name."""
import json
import shutil
import signal
import subprocess

import garden
import pytest
from between import Between
from garden import Field, wait_until


def scene(*units):
    return [{"name": "east", "baud": 9600, "units": list(units)}]


def node(address, name, serial):
    return {"kind": "native", "address": address, "name": name, "serial": serial, "period_s": 1}


def probe(address, name, **more):
    return {"kind": "xy-md02", "address": address, "name": name, **more}


@pytest.fixture
def start(site, needs):
    needs("baiye-field", "baiyed", "baiye", "baiye-node")
    site.start_broker()

    def begin(*units):
        site.start_field(scene(*units))
        site.start_watcher()
        site.start_gateway(every="1s")
        return site
    return begin


def plug(site, *units):
    """What hangs on the line from now on."""
    site.field.stop()
    shutil.rmtree(site.folder / "field")
    site.field = Field(site.folder, {"weather": {"speed": 600}, "lines": scene(*units)})
    site.field.start()


def baiye(site, *words):
    return subprocess.run(
        [garden.program("baiye"), *words, "--config", site.gateway.config_path, "--socket",
         site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=300, check=False)


def serials(site, device):
    return {reading.get("s") for key, reading in site.watcher.copy().items() if key[0] == device}


def test_a_broken_node_is_replaced_by_a_new_one(start):
    site = start(node(3, "plot", 4711), node(4, "other", 5000))
    wait_until(lambda: serials(site, "plot") == {4711}, 60, "readings of the old one")
    wait_until(lambda: json.loads(baiye(site, "stats", "plot", "--json").stdout).get("serial"), 60,
               "the gateway tells who the old one is")
    plug(site, node(247, "new", 4712), node(4, "other", 5000))
    done = baiye(site, "replace", "plot", "--operator", "Lin Yun")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "plot is replaced, and measures" in done.stdout
    wait_until(lambda: serials(site, "plot") == {4711, 4712}, 60, "its history goes on")
    assert serials(site, "other") == {5000}
    kept = (site.folder / "replaced.csv").read_text().splitlines()[1].split(",")
    assert kept[1:3] == ["plot", "baiye-node"] and kept[5] == '"Lin Yun"'
    assert kept[3].startswith("0000-1267-") and kept[4].startswith("0000-1268-")
    audit = json.loads(baiye(site, "audit", "20", "--json").stdout)
    assert "move" in json.dumps(audit)
    again = baiye(site, "replace", "plot")
    assert again.returncode == 0 and "in its place already" in again.stdout


def test_a_broken_probe_is_replaced_and_one_that_can_not_have_the_rate_is_left_alone(start):
    site = start(probe(5, "air"), probe(6, "shed"))
    wait_until(lambda: site.watcher.count("air") > 2, 60, "readings")
    plug(site, probe(1, "new", baud=4800), probe(6, "shed"))
    done = baiye(site, "replace", "air")
    assert done.returncode == 1 and "knows no register for that" in done.stderr
    assert not (site.folder / "replaced.csv").exists()
    plug(site, probe(1, "new"), probe(6, "shed"))
    done = baiye(site, "replace", "air", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["measures"] is True, done.stdout


def test_nothing_is_written_while_it_is_not_clear_who_is_new(start):
    site = start(node(3, "plot", 4711))
    wait_until(lambda: serials(site, "plot") == {4711}, 60, "readings")
    plug(site, node(3, "plot", 4711), node(247, "new", 4712))
    still = baiye(site, "replace", "plot")
    assert still.returncode == 1 and "still answers" in still.stderr
    plug(site, node(247, "new", 4712), node(246, "newer", 4713))
    several = baiye(site, "replace", "plot")
    assert several.returncode == 1 and "0000-1268" in several.stderr and \
        "0000-1269" in several.stderr
    named = baiye(site, "replace", "plot", "--serial", "0000-1269")
    assert named.returncode == 0, named.stdout + named.stderr
    wait_until(lambda: 4713 in serials(site, "plot"), 60, "the one that was named")
    assert 4712 not in serials(site, "plot")
    assert baiye(site, "replace", "nobody").returncode == 66


COMMENT = "    # beside the gate\n"


def correct(site):
    """What was found out of the old probe, in the words of a person's file; the gateway goes by it."""
    device = site.gateway.config["buses"][0]["devices"][0]
    device.update(offset={"air_temperature": -0.4}, adjusted={"on": "2026-03-01", "by": "Lin"},
                  calibration_due={"air_temperature": "2199-12-31"})
    site.gateway.write_config()
    path = site.gateway.config_path
    path.write_text(path.read_text().replace("    every: 1s\n", f"    every: 1s\n{COMMENT}", 1))
    assert baiye(site, "reload").returncode == 0
    return path.read_text()


def adjusted(site):
    """By the gateway that runs."""
    return "adjusted" in json.loads(site.watcher.retained["site"])["devices"][0]


def rows(site):
    path = site.folder / "replaced.csv"
    return path.read_text().splitlines()[1:] if path.exists() else []


def assert_archived(site, before):
    now = site.gateway.config_path.read_text()
    assert "offset" not in now and "adjusted" not in now and "calibration_due" not in now
    assert COMMENT in now and "xy-md02" in now
    assert (site.folder / "baiyed.yaml.1").read_text() == before
    assert rows(site)[0].endswith(',2026-03-01,"Lin","air_temperature scale 1 offset -0.4; '
                                  'air_temperature due 2199-12-31; "')


def test_the_old_probes_calibration_is_archived_and_never_the_new_ones(start):
    site = start(probe(5, "air"))
    wait_until(lambda: site.watcher.count("air") > 2, 60, "readings")
    before = correct(site)
    wait_until(lambda: adjusted(site), 60, "the old one's correction")
    plug(site, probe(1, "new"))
    done = baiye(site, "replace", "air", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["measures"] is True
    assert_archived(site, before)
    wait_until(lambda: not adjusted(site), 60, "the gateway goes by the file without it")


def test_when_the_new_one_can_not_take_its_place_the_calibration_stays(start):
    site = start(probe(5, "air"))
    wait_until(lambda: site.watcher.count("air") > 2, 60, "readings")
    before = correct(site)
    plug(site, probe(1, "new", baud=4800))
    done = baiye(site, "replace", "air")
    assert done.returncode == 1 and "knows no register for that" in done.stderr
    assert site.gateway.config_path.read_text() == before and not rows(site)
    wait_until(lambda: adjusted(site), 60, "the gateway goes by it still")


def interrupt(site, method, count):
    """Ctrl-C when that step begins; how the command ended, which steps there were, and what it said.
    Just before that somebody else types the same, and is refused."""
    child, other = [], []

    def do():
        other.append(baiye(site, "replace", "air"))
        child[0].send_signal(signal.SIGINT)

    between = Between(site.folder, method, count, do)
    child.append(subprocess.Popen(
        [garden.program("baiye"), "replace", "air", "--config", site.gateway.config_path, "--socket",
         between.path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=garden.hear_interrupts))
    _, said = child[0].communicate(timeout=240)
    between.end()
    assert other[0].returncode == 75 and "another one is at work" in other[0].stderr, other[0].stderr
    return child[0].returncode, between.asked, said


# Who the old one was, who is there, without its calibration, and the new one into its place.
@pytest.mark.parametrize("method, whole", [("stats", False), ("survey", False), ("reload", True), ("move", True)])
def test_ctrl_c_at_each_step_leaves_nothing_half_done(start, method, whole):
    site = start(probe(5, "air"))
    wait_until(lambda: site.watcher.count("air") > 2, 60, "readings")
    before = correct(site)
    wait_until(lambda: adjusted(site), 60, "the old one's correction")
    plug(site, probe(1, "new"))
    code, asked, said = interrupt(site, method, 1)
    assert code == -signal.SIGINT and method in asked
    assert ("move" in asked) == whole
    if whole:
        assert "ended: the new one is in the place of air" in said and "replaced.csv" in said
        assert_archived(site, before)
        wait_until(lambda: not adjusted(site), 60, "the gateway goes by the file without it")
    else:
        assert "ended: nothing has been changed" in said
        assert site.gateway.config_path.read_text() == before and not rows(site)
        assert adjusted(site)
    # What the gateway was asked to look for it looks for to the end, and says so meanwhile.
    again = wait_until(lambda: "under way" not in (end := baiye(site, "replace", "air")).stderr and end,
                       120, "the line is free again")
    assert again.returncode == 0, again.stdout + again.stderr
    assert_archived(site, before)
