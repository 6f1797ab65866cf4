# SPDX-License-Identifier: Apache-2.0
"""tools/demo: neither a node that loses its power nor a gateway that is started again costs a sample in
the count at the end, and a signal leaves no child behind."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import uuid

import pytest

import garden

sys.path.insert(0, str(garden.ROOT / "tools/field"))

import demo as program  # noqa: E402


class Demo:
    """What tools/demo starts when everything is built."""

    def __init__(self, folder):
        self.mark, self.out = uuid.uuid4().hex, folder / "out"
        with open(self.out, "wb") as out:
            self.child = subprocess.Popen(
                [sys.executable, garden.ROOT / "tools/field/demo.py", "--nodes", "2", "--no-screen"], stdout=out,
                stderr=out, env={**os.environ, "BAIYE_MARK": self.mark, "BAIYE_BUILD": str(garden.BUILD)},
                start_new_session=True)

    def folder(self):
        assert self.child.poll() is None, self.out.read_text()
        found = re.search(r"^files and logs: (\S+)", self.out.read_text(), re.M)
        return found and pathlib.Path(found[1])

    def left(self):
        names = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (entry / "environ").read_bytes():
                    names.append((entry / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue  # it has just ended
        return names


def ask(path, request):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile() as answers:
            return json.loads(answers.readline())


@pytest.fixture
def demo(tmp_path, needs):
    needs("baiyed", "baiye-field", "baiye-node", "baiye-led", "baiye")
    made = Demo(tmp_path)
    yield made
    if made.child.poll() is None:
        made.child.terminate()
        made.child.wait(600)


def test_a_power_cycle_costs_nothing_and_a_signal_leaves_nothing(demo):
    folder = garden.wait_until(demo.folder, 60, "the demo stands")

    def polls():
        return ask(folder / "baiyed.sock", {"id": 1, "method": "stats", "params": {"device": "plot-1"}})["result"]
    garden.wait_until(lambda: garden.listens(folder / "baiyed.sock"), 60, "the control socket")
    garden.wait_until(lambda: polls()["good"] >= 3, 60, "readings of the node")
    for on in (False, True):
        assert ask(folder / "field/control.sock", {"cmd": "power", "line": "east", "unit": 1, "on": on})["ok"]
    again = polls()["good"]
    garden.wait_until(lambda: polls()["good"] >= again + 3, 60, "readings after its power came back")
    reloaded = subprocess.run([garden.program("baiye"), "reload", "--socket", folder / "baiyed.sock"],
                              capture_output=True, text=True)
    assert reloaded.returncode == 0, reloaded
    garden.wait_until(lambda: polls()["good"] >= 3, 60, "readings after the reload")
    assert len(demo.left()) > 5
    demo.child.send_signal(signal.SIGTERM)
    assert demo.child.wait(600) == 0, demo.out.read_text()
    taken, stored, delivered, lost = map(int, re.search(
        r"^demo: taken=(\d+) stored=(\d+) delivered=(\d+) lost=(\d+)$", demo.out.read_text(), re.M).groups())
    assert lost == 0 and min(taken, stored, delivered) > 10
    assert stored >= delivered  # what was stored before the reload, too
    assert not demo.left() and not folder.exists()


def test_late_answers_are_counted_over_a_reload():
    given_up = program.GivenUp()
    for boot, air, soil in ((1, 2, 0), (1, 3, 0), (2, 3, 0), (2, 3, 1), (3, 0, 0)):
        given_up.look(boot, {"air": air, "soil": soil})
    assert (given_up.late("air"), given_up.late("soil"), given_up.late("relay")) == (6, 1, 0)
