# SPDX-License-Identifier: Apache-2.0
"""`baiye line BUS`: each trouble is made on the simulated wire by what it does there, and its verdict is
the only one, with several seeds; healthy lines have none."""
import json
import subprocess

import garden
import pytest
import yaml
from garden import wait_until

AIR, SOIL, NODE, LONG = "xy-md02", "rs-ws-n01-tr", "native", "responder"
PROFILE = {AIR: "xy-md02", SOIL: "rs-ws-n01-tr", NODE: "baiye-node", LONG: "long"}
REGISTERS = 48
SEEDS = range(1, 9) if garden.FULL else (1, 2)


def unit(kind, address, *faults, **more):
    """`faults` are (kind, probability)."""
    return {"kind": kind, "address": address,
            "faults": [{"kind": fault, "probability": share} for fault, share in faults], **more}


def mixed(*faults, **more):
    return [unit(kind, address, *faults, **more, **({"registers": REGISTERS} if kind == LONG else {}))
            for address, kind in ((1, AIR), (2, LONG), (3, SOIL), (4, LONG), (5, AIR))]


def nodes(count=4):
    return [unit(NODE, address, period_s=5) for address in range(1, count + 1)]


# name: (units, more of the line, verdicts: (name[, device[, other]]))
SCENES = {
    "fine": (mixed(), {}, [("fine",)]),
    "fine-nodes": (nodes(), {}, [("fine",)]),
    "fine-slow": (mixed(delay_us=60000), {"baud": 4800}, [("fine",)]),
    "fine-one": ([unit(AIR, 1)], {"parity": "even"}, [("fine",)]),
    "swapped": (mixed(), {"swapped": True, "biased": True}, [("swapped",)]),
    "swapped-free": (mixed(), {"swapped": True}, [("line-silent",)]),
    "ringing": (mixed(("ringing", 0.005)), {}, [("termination",)]),
    "floating": (mixed(), {"floating": 4}, [("bias",)]),
    "joint": (mixed(), {"joint": 0.02, "joint_after": 2}, [("joint", "joint-2", "joint-3")]),
    "joint-nodes": (nodes(), {"joint": 0.008, "joint_after": 2},
                    [("joint", "joint-nodes-2", "joint-nodes-3")]),
    "twins": ([*mixed(), unit(AIR, 1)], {}, [("twins", "twins-1")]),
    "twins-slow": ([*mixed(), unit(AIR, 1, delay_us=30000)], {}, [("twins", "twins-slow-1")]),
    "echo": (mixed(), {"echo": True}, [("echo",)]),
    "rate": (mixed(baud=4800), {}, [("rate",)]),
    "rate-one": ([*mixed()[:4], unit(AIR, 5, baud=19200)], {}, [("rate", "rate-one-5")]),
    "parity": (mixed(parity="even"), {}, [("rate",)]),
    "master": ([*mixed(), {"kind": "master", "address": 2, "every_ms": 700}], {}, [("master",)]),
    "echo-master": ([*mixed(), {"kind": "master", "address": 2, "every_ms": 700}], {"echo": True},
                    [("master",), ("echo",)]),
    "babble": ([*mixed()[:4], unit(AIR, 5, ("babble", 1))], {}, [("babble",)]),
    "deaf": (mixed(), {"deaf": True}, [("line-silent",)]),
    "one-silent": ([*mixed()[:4], unit(AIR, 5, ("dead", 1))], {},
                   [("device-silent", "one-silent-5")]),
    "stub": ([*mixed()[:2], unit(SOIL, 3, ("ringing", 0.015)), *mixed()[3:]], {},
             [("errors", "stub-3")]),
}


# Where errors are counted, enough of them must come.
POLLS = {"ringing": 60, "joint": 60, "joint-nodes": 60, "stub": 160}


def configuration(folder, port, names, scenes=None):
    buses = []
    for name in names:
        units, more, _ = (scenes or SCENES)[name]
        kinds = {entry["address"]: entry["kind"] for entry in reversed(units)
                 if entry["kind"] in PROFILE}
        baud = more.get("baud", 9600)
        buses.append({"name": name, "port": port(name), "baud": baud,
                      "parity": more.get("parity", "none"), "devices": [
                          {"name": f"{name}-{address}", "profile": PROFILE[kind],
                           "address": address, "every": "10s",
                           **({} if kind == NODE else {"baud": baud,
                                                       "parity": more.get("parity", "none")})}
                          for address, kind in sorted(kinds.items())]})
    return buses


def told(answer):
    return [tuple(verdict[key] for key in ("verdict", "device", "other") if key in verdict)
            for verdict in answer["verdicts"]]


def start(site, *words):
    return subprocess.Popen([garden.program("baiye"), "line", *words, "--json", "--config",
                             site.folder / "line.yaml", "--socket", site.folder / "none"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def write(site, buses):
    (site.folder / "profiles").mkdir()
    (site.folder / "profiles" / "long.yaml").write_text(
        "label: long\nfields:\n  - { metric: first, register: 0 }\n" +
        "".join(f"  - {{ metric: m{i}, register: {i}, type: u32 }}\n"
                for i in range(2, REGISTERS, 2)))
    (site.folder / "line.yaml").write_text(yaml.safe_dump({
        "site": "garden", "location": {"lat": 26.5, "lon": 107.9, "timezone": "Asia/Shanghai"},
        "store": {"path": str(site.folder / "readings.db")},
        "profiles": str(site.folder / "profiles"), "buses": buses}))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_trouble_has_its_verdict_and_no_other(site, needs, seed):
    needs("baiye-field", "baiye")
    site.start_field([{"name": name, "baud": 9600, "units": units, **more}
                      for name, (units, more, _) in SCENES.items()], seed=seed)
    write(site, configuration(site.folder, site.field.port, SCENES))
    running = {name: start(site, name, "--polls", str(POLLS.get(name, 16))) for name in SCENES}
    wrong = {}
    for name, child in running.items():
        out, errors = child.communicate(timeout=240)
        expected = SCENES[name][2]
        assert child.returncode in (0, 1), (name, out, errors)
        got = json.loads(out)
        assert (child.returncode == 0) == (told(got) == [("fine",)])
        if told(got) != expected:
            wrong[name] = (told(got), got)
    assert not wrong, "\n".join(f"{name}: {verdicts}\n{all_}"
                                for name, (verdicts, all_) in wrong.items())


def test_who_asks_before_us_is_no_echo_of_ours(site, needs):
    """Four requests of another master are heard while nobody is asked; on an adapter that echoes
    they counted for nothing, and those that came between ours were mostly damaged by them."""
    needs("baiye-field", "baiye")
    units, more, _ = SCENES["echo-master"]
    site.start_field([{"name": "echo-master", "baud": 9600, "units": units, **more}], seed=1)
    write(site, configuration(site.folder, site.field.port, ["echo-master"]))
    out, errors = start(site, "echo-master", "--polls", "1").communicate(timeout=240)
    assert ("master",) in told(json.loads(out)), out + errors


# ---- beside a gateway that runs ----

LINES = [{"name": "east", "baud": 9600, "units": [
    unit(AIR, 1, name="air"), unit(NODE, 2, name="plot", period_s=2)]}]


@pytest.fixture
def running(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="200ms")
    wait_until(lambda: site.watcher.count("air") > 3 and site.watcher.count("plot"), 60,
               "readings")
    return site


def look(site, *words, **more):
    return subprocess.run(
        [garden.program("baiye"), "line", "east", *words, "--config", site.gateway.config_path,
         "--socket", site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=120,
        **more)


def state(site):
    return json.loads(subprocess.run(
        [garden.program("baiye"), "stats", "--json", "--socket", site.folder / "baiyed.sock"],
        capture_output=True, text=True, timeout=120, check=True).stdout)["buses"][0]["state"]


def goes_on(site):
    had = site.watcher.count("air")
    wait_until(lambda: site.watcher.count("air") > had + 2, 20, "polled again")


def test_polling_rests_and_goes_on_and_nodes_have_counted(running):
    done = look(running, "--polls", "20", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    air, plot = answer["devices"]
    assert told(answer) == [("fine",)] and air["node"] is None
    assert plot["node"]["messages"] >= plot["short"]["tries"] > 7 and plot["node"]["crc"] == 0
    assert plot["long"]["bytes"] > 40 > plot["short"]["bytes"] > 5
    assert 0 < air["turnaround_us"]["p50"] <= air["turnaround_us"]["p99"]
    goes_on(running)


def test_it_speaks_to_people_in_their_language(running):
    said = look(running, "--polls", "8", env={"LANG": "C", "PATH": "/usr/bin:/bin"}).stdout
    assert "The line is well" in said and "IT HEARS" in said
    assert all(len(row) <= 80 for row in said.splitlines()[:3])


def test_frames_are_shown_with_times_and_meanings(running):
    said = look(running, "--polls", "8", "--frames").stdout
    asked = [row for row in said.splitlines() if " > 01 " in row][-1]
    assert float(asked.split()[0]) >= 3 and "1: read 2 inputs from 1" in asked
    answered = [row for row in said.splitlines() if " < 01 04 04" in row][-1]
    assert float(answered.split()[0]) > float(asked.split()[0])
    assert len(asked) <= 80


def test_a_line_that_is_only_listened_to_is_not_asked(running):
    child = subprocess.Popen(
        [garden.program("baiye"), "line", "east", "--listen", "--config",
         running.gateway.config_path, "--socket", running.folder / "baiyed.sock"],
        stdout=subprocess.PIPE, text=True, preexec_fn=garden.hear_interrupts)
    wait_until(lambda: state(running) == "paused", 20, "it has the line")
    child.send_signal(2)
    said = child.communicate(timeout=120)[0]
    assert " > " not in said and "0 requests of others" in said
    goes_on(running)


def test_an_adapter_that_was_deaf_is_known_by_its_opening(running):
    def stats(device):
        return json.loads(subprocess.run(
            [garden.program("baiye"), "stats", device, "--json", "--socket",
             running.folder / "baiyed.sock"], capture_output=True, text=True, timeout=120,
            check=True).stdout)
    wait_until(lambda: all(stats(name)["online"] for name in ("air", "plot")), 40, "health is known")
    running.field.control("deafen", line="east")
    # The gateway itself opens it anew after 30 s.
    wait_until(lambda: not any(stats(name)["online"] for name in ("air", "plot")), 28, "silence")
    done = look(running, "--polls", "8", "--json")
    assert told(json.loads(done.stdout)) == [("deaf",)], done.stdout
    goes_on(running)


def test_ctrl_c_gives_the_line_back_at_once(running):
    child = subprocess.Popen(
        [garden.program("baiye"), "line", "east", "--polls", "60000", "--frames", "--config",
         running.gateway.config_path, "--socket", running.folder / "baiyed.sock"],
        stdout=subprocess.PIPE, text=True, preexec_fn=garden.hear_interrupts)
    for row in child.stdout:
        if " > " in row:
            break
    child.send_signal(2)
    assert "p50 ms" in child.communicate(timeout=120)[0]
    goes_on(running)


def test_what_can_not_be_looked_at_says_why(running):
    for words, code, text in ((["west"], 66, 'no bus "west"'),
                              (["east", "--polls", "0"], 64, "Usage"),
                              (["east", "--json", "--frames"], 64, "Usage")):
        done = subprocess.run([garden.program("baiye"), "line", *words, "--config",
                               running.gateway.config_path, "--socket",
                               running.folder / "baiyed.sock"], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == code and text in done.stderr, done.stderr
    busy = subprocess.run([garden.program("baiye"), "line", "east", "--config",
                           running.gateway.config_path, "--socket", running.folder / "none"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert busy.returncode == 69 and "another program holds the port" in busy.stderr
