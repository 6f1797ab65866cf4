# SPDX-License-Identifier: Apache-2.0
"""What a technician is told of a line that is wrong: each trouble is made on the simulated wire, and
the hint that names it is looked for in the log, in the health of the device and in `stats`."""
import json
import os
import signal
import subprocess

import pytest

import garden
from garden import wait_until
from test_bus_line import Polls, bus

LONG = 48  # registers of a long answer

AIR, SOIL = "xy-md02", "rs-ws-n01-tr"


def unit(kind, address, *faults, **more):
    """`faults` are (kind, probability, ms)."""
    return {"kind": kind, "address": address, "faults": [
        {"kind": fault, "probability": probability, **({"ms": ms[0]} if ms else {})}
        for fault, probability, *ms in faults], **more}


# name: (units, more of the line, hint of the bus, hint of the unit at address 1)
TROUBLES = {
    "fine": ([unit(AIR, 1), unit(SOIL, 2)], {}, None, None),
    "swapped": ([unit(AIR, 1, ("swapped", 1)), unit(SOIL, 2, ("swapped", 1))], {},
                "only garbage: A and B swapped, or wrong rate or parity", None),
    "rate": ([unit(AIR, 1, ("rate", 1)), unit(SOIL, 2, ("rate", 1))], {},
             "only garbage: A and B swapped, or wrong rate or parity", None),
    "one-rate": ([unit(AIR, 1, ("rate", 1)), unit(SOIL, 2)], {}, None,
                 "answers only garbage: wrong rate or parity, two devices with one address"),
    # The two talk at once whenever both answer.
    "twins": ([unit(AIR, 1), unit(AIR, 1, ("dead", 0.6), name="twin"), unit(SOIL, 2)], {}, None,
              "CRC errors on this unit only: two devices with one address?"),
    "ringing": ([unit("responder", 1, ("ringing", 0.002), registers=LONG),
                 unit(SOIL, 2, ("ringing", 0.002))], {},
                "errors grow with length: missing termination or bias", None),
    "echo": ([unit(AIR, 1), unit(SOIL, 2)], {"echo": True},
             "the adapter echoes what is sent: switch its local echo off", None),
    "silent": ([unit(AIR, 1, ("dead", 1)), unit(SOIL, 2, ("dead", 1))], {},
               "no unit answers: look at the cable, the power, A and B, rate and parity", None),
    "one-silent": ([unit(AIR, 1, ("dead", 1)), unit(SOIL, 2)], {}, None,
                   "no answer: look at its power, address, rate and wiring"),
    "late": ([unit(AIR, 1, ("late", 0.3, 550)), unit(SOIL, 2)], {}, None,
             "answers late: raise response_max in its profile"),
}
PROFILE = {AIR: "xy-md02", SOIL: "rs-ws-n01-tr", "responder": "long"}


def scene():
    return [{"name": name, "baud": 19200, "units": units, **more}
            for name, (units, more, _, _) in TROUBLES.items()]


def devices(name, every):
    """One for each address: nobody knows of the twin."""
    kinds = {entry["address"]: entry["kind"] for entry in reversed(TROUBLES[name][0])}
    return [(f"{name}-{address}", PROFILE[kind], address, every, {"baud": 19200})
            for address, kind in sorted(kinds.items())]


def profiles(folder):
    (folder / "profiles").mkdir()
    (folder / "profiles" / "long.yaml").write_text(
        "label: long\nfields:\n" +
        "".join(f"  - {{ metric: m{i}, register: {i}, type: u32 }}\n" for i in range(0, LONG, 2)))
    return str(folder / "profiles")


@pytest.fixture(autouse=True)
def _built(needs):
    needs("baiye-field", "bus_poll", "baiyed", "baiye")


def test_each_trouble_is_named_and_no_other(site):
    site.start_field(scene())
    polls = Polls(site, [bus(site, name, devices(name, "200ms"), 19200) for name in TROUBLES], 180,
                  profiles=profiles(site.folder))

    def hints():
        """(device: its last hint), (bus: its last hint)"""
        units = {record["d"]: record["hint"] for record in polls.records() if "hint" in record
                 and "d" in record}
        buses = {}
        for line in polls.log().splitlines():
            if "bus " in line and ": " in line:
                name, text = line.split("bus ", 1)[1].split(": ", 1)
                if name in TROUBLES and " is open" not in text:
                    buses[name] = text
        return units, buses

    def missing():
        assert polls.running(), polls.log()
        units, buses = hints()
        return [name for name, (_, _, of_bus, of_unit) in TROUBLES.items()
                if (of_bus and of_bus != buses.get(name)) or
                (of_unit and not units.get(f"{name}-1", "").startswith(of_unit))]

    try:
        wait_until(lambda: not missing(), 100, "every hint is given")
    except AssertionError as error:
        raise AssertionError(f"not given: {missing()}") from error
    units, buses = hints()
    for name, (_, _, of_bus, of_unit) in TROUBLES.items():
        assert of_bus or buses.get(name) in (None, "fine again"), (name, buses[name])
        if not of_bus:  # the other unit of the line is not blamed
            assert f"{name}-2" not in units, (name, units)
        assert of_bus or of_unit or f"{name}-1" not in units
    for name in ("twins", "late"):  # those that answer now and then have it in the log
        assert f"device {name}-1 (bus {name}, address 1): {TROUBLES[name][3]}" in polls.log()


def test_hints_stand_in_health_and_stats(site):
    lines = [line for line in scene() if line["name"] in ("echo", "twins")]
    site.start_broker()
    site.start_field(lines)
    watcher = site.start_watcher()
    gateway = garden.Gateway(site.folder, site.broker, [
        bus(site, line["name"], devices(line["name"], "200ms"), 19200) for line in lines])
    site.gateway = gateway
    gateway.start()

    def health(device):
        return json.loads(watcher.retained.get(f"dev/{device}/health", b"{}")).get("hint", "")

    def stats(kind):
        answer = subprocess.run([garden.program("baiye"), "stats", "--json", "--socket",
                                 site.folder / "baiyed.sock"], capture_output=True, text=True,
                                timeout=120, check=False)
        if answer.returncode == 69:  # not listening yet
            return {}
        return {entry["name"]: entry for entry in json.loads(answer.stdout)[kind]}

    wait_until(lambda: stats("buses").get("echo", {}).get("hint") == TROUBLES["echo"][2], 30,
               "stats has the hint")
    assert stats("buses")["twins"]["hint"] == ""
    wait_until(lambda: f"device twins-1 (bus twins, address 1): {TROUBLES['twins'][3]}"
               in gateway.log(), 60, "the log has the hint")
    # Health goes out once a minute, and at once to a broker that is connected to anew.
    told = subprocess.run([garden.program("baiye"), "stats", "twins-1", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True,
                          timeout=120, check=True).stdout
    assert f"hint    {TROUBLES['twins'][3]}" in told and " garbled" in told, told
    in_chinese = subprocess.run([garden.program("baiye"), "stats", "twins-1", "--socket",
                                 site.folder / "baiyed.sock"], capture_output=True, text=True,
                                timeout=120, check=True,
                                env=dict(os.environ, LC_ALL="zh_CN.UTF-8")).stdout
    assert "只有这台有校验错误：是不是两台设备用了同一地址？" in in_chinese, in_chinese
    doctor = json.loads(subprocess.run(
        [garden.program("baiye"), "doctor", "--json", "--config", gateway.config_path, "--socket",
         site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=60,
        check=False).stdout)["found"]
    lines = {one["text"]: one for one in doctor if one["area"] == "lines"}
    assert lines["bus echo"]["todo"] == TROUBLES["echo"][2]
    assert lines["bus echo"]["zh"]["todo"] == "转换器把发出的内容又送回来：关掉它的本地回显"
    assert lines["device twins-1"]["zh"]["text"] == "设备 twins-1"
    os.kill(stats("brokers")["local"]["pid"], signal.SIGKILL)
    wait_until(lambda: health("twins-1") == TROUBLES["twins"][3], 30, "health has the hint")
    assert json.loads(watcher.retained["dev/twins-1/health"])["hint_zh"].startswith("只有这台")
    assert not health("twins-2")
