# SPDX-License-Identifier: Apache-2.0
"""`baiye replace`: a new node or probe takes a broken one's place; nobody else is written, and the
history goes on under one name."""
import json
import shutil
import subprocess

import garden
import pytest
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
    plug(site, node(247, "new", 4712), node(4, "other", 5000))
    done = baiye(site, "replace", "plot", "--operator", "Lin Yun")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "plot is replaced, and measures" in done.stdout
    wait_until(lambda: serials(site, "plot") == {4711, 4712}, 60, "its history goes on")
    assert serials(site, "other") == {5000}
    kept = (site.folder / "replaced.csv").read_text().splitlines()
    assert kept[1].split(",")[1:6] == ["plot", "baiye-node", kept[1].split(",")[3], "0000-1268-" +
                                       kept[1].split(",")[4][-1], '"Lin Yun"']
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


def test_what_was_said_of_the_old_probes_errors_is_kept_and_named(start):
    site = start(probe(5, "air"))
    wait_until(lambda: site.watcher.count("air") > 2, 60, "readings")
    device = site.gateway.config["buses"][0]["devices"][0]
    device.update(offset={"air_temperature": -0.4}, adjusted={"on": "2026-03-01", "by": "Lin"})
    site.gateway.write_config()
    done = baiye(site, "replace", "air")
    assert done.returncode == 1 and "are those of the old one" in " ".join(done.stdout.split())
    kept = (site.folder / "replaced.csv").read_text().splitlines()[1]
    assert kept.endswith(',2026-03-01,"Lin","air_temperature scale 1 offset -0.4; "')
