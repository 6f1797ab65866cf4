# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the bus share: a garden in a temporary folder, polled by the daemon's own
bus threads (bus_poll) with nothing behind them."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import yaml  # noqa: E402

import garden  # noqa: E402

REGISTERS = 10  # of a responder
STUCK_S = 2     # of the fields of one that is judged


def first(command, priority):
    """In front of everybody else where that is allowed: a wire waits for no scheduler."""
    return ["chrt", "-f", str(priority), *command] if os.getuid() == 0 and shutil.which("chrt") else command


@contextlib.contextmanager
def awake():
    """Keeps the processors from falling asleep, at the priority of idling: nobody waits for it. A
    virtual machine's processor takes 50 to 100 µs to wake up, four times in each exchange; with
    bytes on a real wire that would be the interrupt of a serial port."""
    spin = ("import os\n"
            "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
            "parent = os.getppid()\n"
            "while os.getppid() == parent:\n"
            "    for _ in range(100000): pass\n")
    children = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def stolen():
    """Processor time that other machines on the same host took from this one, in ticks."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])


@contextlib.contextmanager
def lines(scene_lines, seed=1, weather=None, prompt=True, exact=False):
    """`exact`: what the pseudo-terminals take is no time of the line, see tools/field/wire.h."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    field = garden.Field(folder, {"weather": weather or {"speed": 600}, "lines": scene_lines},
                         seed=seed, prompt=False)
    if exact:
        field.arguments.append("--measure-hop")
    if prompt:
        field.arguments = first(field.arguments, 20)
    try:
        field.start()
        yield field
    finally:
        field.stop()
        shutil.rmtree(folder, ignore_errors=True)


def write_profile(folder, registers=REGISTERS):
    """A profile for responders: registers r0, r1, … as they are; and one by which the daemon judges
    them, the last one a counter."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    fields = [{"metric": f"r{i}", "register": i, "type": "u16"} for i in range(registers)]
    judged = [{**field, "stuck": f"{STUCK_S}s"} for field in fields[:-1]]
    judged.append({**fields[-1], "role": "counter"})
    # In one request: a unit that hangs says the same to another one of that size, and no one can tell.
    whole = [{"register": 0, "count": registers}]
    for name, own, more in (("responder", fields, {}), ("judged", judged, {"blocks": whole})):
        (profiles / f"{name}.yaml").write_text(yaml.safe_dump(
            {"label": name, "serial": {"baud": 9600, "parity": "none"},
             "limits": {"max_registers": 125}, "address": {"register": 0x07D0, "default": 1},
             "fields": own, **more}, sort_keys=False))
    return profiles


def config(field, every="1ms", judged=(), **bus_keys):
    """A daemon's configuration that polls everything on the field's lines; `judged`: names of lines
    whose responders are."""
    buses = []
    for line in field.scene["lines"]:
        bus = {"name": line["name"], "type": line.get("type", "rtu"),
               "port": field.port(line["name"]), "allow_overload": True, **bus_keys}
        if bus["type"] != "tcp":
            bus.update(baud=line.get("baud", 9600), parity=line.get("parity", "none"))
        bus["devices"] = [
            {"name": f"{line['name']}-{unit['address'] + i}", "address": unit["address"] + i,
             "profile": garden.PROFILES.get(
                 unit["kind"], "judged" if line["name"] in judged else "responder"),
             "every": every}
            for unit in line["units"] for i in range(unit.get("count", 1))]
        for device in bus["devices"]:
            if device["profile"] != "baiye-node" and bus["type"] != "tcp":
                device.update(baud=bus["baud"], parity=bus["parity"])
        buses.append(bus)
    path = field.folder / "bench.yaml"
    path.write_text(yaml.safe_dump({
        "site": garden.SITE, "location": {"lat": 26.5, "lon": 107.9, "timezone": "UTC"},
        "store": {"path": str(field.folder / "readings.db")},
        "profiles": str(write_profile(field.folder)), "buses": buses}, sort_keys=False))
    return path


class Polling:
    """bus_poll on a configuration; `quiet` prints no readings. On lines that are exact it tells
    when it wrote."""

    def __init__(self, config_path, seconds, warm_up=0, quiet=True, prompt=True):
        command = [str(garden.program("bus_poll")), str(config_path), str(seconds), str(warm_up)]
        command += ["quiet"] if quiet else []
        said = config_path.parent / "field/said"
        environment = dict(os.environ)
        if said.exists():
            environment.update(BAIYE_SAID=str(said), LD_PRELOAD=str(garden.BUILD / "lib/say-when.so"))
        self.child = subprocess.Popen(first(command, 10) if prompt else command,
                                      stdout=subprocess.PIPE, text=True, env=environment)

    def results(self):
        """Every line that it printed."""
        output, _ = self.child.communicate()
        assert self.child.returncode == 0, f"bus_poll ended with {self.child.returncode}"
        return [json.loads(line) for line in output.splitlines()]

    def stop(self):
        self.child.terminate()
        self.child.communicate()
