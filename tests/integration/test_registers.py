# SPDX-License-Identifier: Apache-2.0
"""`baiye read` and `write` by names, units and ranges: what is refused says what would be right, and the
device is not asked."""
import json
import subprocess

import garden
import pytest
from garden import wait_until

PROFILE = """label: air with corrections
fields:
  - { metric: air_temperature, function: 4, register: 1, type: s16, scale: 0.1 }
  - { metric: air_humidity, function: 4, register: 2, scale: 0.1 }
writes:
  - { name: correction, register: 0x0103, min: -100, max: 100, unit: °C, scale: 0.1 }
"""


@pytest.fixture(scope="module")
def baiye(request, tmp_path_factory):
    site = garden.Site(tmp_path_factory.mktemp("registers"))
    request.addfinalizer(site.close)
    (site.folder / "profiles").mkdir()
    (site.folder / "profiles" / "corrected.yaml").write_text(PROFILE)
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}])
    buses = site.buses("1s")
    buses[0]["devices"][0]["profile"] = "corrected"
    site.gateway = garden.Gateway(site.folder, site.broker, buses,
                                  profiles=str(site.folder / "profiles"))
    site.gateway.start()
    wait_until(lambda: garden.listens(site.folder / "baiyed.sock"), 20, "the control socket")

    def run(*words, code=0):
        done = subprocess.run([garden.program("baiye"), *words, "--socket",
                               site.folder / "baiyed.sock"], capture_output=True, text=True,
                              timeout=60, check=False)
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


def test_what_is_said_in_units_stands_in_the_register(baiye):
    assert "written and read back: -3.5 °C" in baiye("write", "air", "correction", "-3.5", "°C")
    assert baiye("read", "air", "correction") == "-3.5 °C\n"
    assert json.loads(baiye("read", "air", "259", "--json"))["values"] == [65536 - 35]
    assert json.loads(baiye("write", "air", "correction", "2", "--json"))["value"] == 20
    assert baiye("read", "air", "correction") == "2 °C\n"


def test_what_is_refused_says_what_would_be_right(baiye):
    before = baiye("read", "air", "correction")
    for words, text in ((("10.1", "°C"), "10.1 is out of the range of correction; it takes "
                                         "-10..10 °C (0.1)"),
                        (("3", "%"), "not in that unit"), (("3.55",), "so finely"),
                        (("warm",), "no number")):
        assert text in baiye("write", "air", "correction", *words, code=65)
    assert "it has: correction" in baiye("write", "air", "speed", "1", code=1)
    assert "correction air_temperature air_humidity" in baiye("read", "air", "speed", code=1)
    assert "no device" in baiye("write", "pump", "speed", "1", code=66)
    assert "Usage" in baiye("write", "air", "correction", code=64)
    assert baiye("read", "air", "correction") == before


def test_what_was_measured_is_read_by_its_name(baiye):
    wait_until(lambda: "has not measured" not in baiye("read", "air", "air_humidity", code=None), 30,
               "a value")
    value, unit = baiye("read", "air", "air_humidity").split()[:2]
    assert 0 <= float(value) <= 100 and unit == "%RH"
