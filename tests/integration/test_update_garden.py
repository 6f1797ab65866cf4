# SPDX-License-Identifier: Apache-2.0
"""`baiye update` with the daemon and emulated boards: what a technician sees, and what happens when
the gateway is killed, the command is interrupted, or the new image does badly."""
import base64
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import garden
from slotboard import HARDWARE, Line, LineBoard, SlotBoard, UNIT, image_file, sign
from updater import Updater

BUSES = ("east", "west")


class Garden(Updater):
    """One board on each of `count` buses, and a gateway."""

    def __init__(self, site, count):
        super().__init__(site)
        self.boards, self.folders = [], []
        image = sign(site.folder, "1.0.0")[0]
        for _ in range(count):
            folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
            self.folders.append(folder)
            self.boards.append(SlotBoard(folder, image))
        for board in self.boards:
            board.start()
            board.client.close()
        site.start_broker()
        # The emulated line has no rate of its own; the daemon believes no answer that comes
        # faster than its rate allows.
        buses = [{"name": bus, "type": "rtu", "port": board.port, "baud": 115200,
                  "parity": "none", "silence": "20ms",
                  "devices": [{"name": f"plot-{i + 1}", "profile": "baiye-node",
                               "address": UNIT, "every": "2s"}]}
                 for i, (bus, board) in enumerate(zip(BUSES, self.boards))]
        site.gateway = garden.Gateway(site.folder, site.broker, buses)
        site.gateway.start()
        self.watcher = site.start_watcher()
        garden.wait_until(lambda: all(self.watcher.count(f"plot-{i + 1}") > 1
                                      for i in range(count)), 40, "readings of every node")

    def close(self):
        for board in self.boards:
            board.client.close()
            board.close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def restart_gateway(self):
        """As a cut of its power does it."""
        self.site.gateway.kill()
        self.site.gateway.start()


class Row(Garden):
    """Three boards on one line, and a gateway."""

    def __init__(self, site):
        Updater.__init__(self, site)
        self.boards, self.folders = [], []
        self.line = Line()
        image = sign(site.folder, "1.0.0")[0]
        for i in range(3):
            folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
            self.folders.append(folder)
            self.boards.append(LineBoard(folder, image, self.line, 11 + i))
            self.boards[i].move_in()
        site.start_broker()
        site.gateway = garden.Gateway(site.folder, site.broker, [
            {"name": "east", "type": "rtu", "port": self.line.port, "baud": 115200,
             "parity": "none", "silence": "20ms",
             "devices": [{"name": f"plot-{i + 1}", "profile": "baiye-node", "address": 11 + i,
                          "every": "2s"} for i in range(3)]}])
        site.gateway.start()
        self.watcher = site.start_watcher()
        garden.wait_until(lambda: all(self.watcher.count(f"plot-{i + 1}") > 1 for i in range(3)),
                          40, "readings of every node")

    def close(self):
        super().close()
        self.line.close()

    def states(self, *arguments):
        """What a dry run or an update says of each node."""
        code, text = self.update("--json", *arguments)
        rows = [json.loads(line) for line in text.splitlines()]
        return code, {row["device"]: (row["state"], row["before"]) for row in rows}


@pytest.fixture
def row(site):
    made = Row(site)
    yield made
    made.close()


@pytest.fixture
def one(site):
    made = Garden(site, 1)
    yield made
    made.close()


@pytest.fixture
def two(site):
    made = Garden(site, 2)
    yield made
    made.close()


def test_an_update_goes_on_when_the_gateway_loses_power(two, site):
    command = two.begin("--share", "100", image_file(site.folder, "1.0.1"))
    two.wait_for("sending", 100)
    two.restart_gateway()
    two.wait_for("restarting", bus="east")
    two.restart_gateway()
    two.wait_for("sending", bus="west")
    two.restart_gateway()
    text = command.communicate(timeout=120)[0]
    assert command.returncode == 0, text
    # The cut may come when the node has restarted and the gateway has not noted it yet.
    assert re.search(r"^plot-1  (updated     1\.0\.0 -> 1\.0\.1|current     1\.0\.1) *$", text, re.M), text
    assert "plot-2  updated     1.0.0 -> 1.0.1" in text, text
    assert text.endswith(("2 updated\n", "1 updated, 1 current\n")), text
    assert two.update()[0] == 69, "nothing is under way any more"
    two.restart_gateway()
    garden.wait_until(lambda: two.update("--dry-run", image_file(site.folder, "1.0.1"))[0] == 0,
                      20, "the gateway is back")
    code, text = two.update("--dry-run", image_file(site.folder, "1.0.1"))
    assert code == 0 and "2 current\n" in text, text


def test_a_command_that_is_interrupted_only_stops_watching(one, site):
    image = image_file(site.folder, "1.0.1")
    command = one.begin(image)
    one.wait_for("sending", 100)
    before = one.watcher.count()
    command.send_signal(signal.SIGINT)
    text = command.communicate(timeout=120)[0]
    assert command.returncode == 130 and "goes on in the gateway" in text, text
    code, text = one.update(image_file(site.folder, "1.0.2"))
    assert code == 69 and "an update to 1.0.1 is under way" in text and "--stop" in text, text
    code, text = one.update("--stop")
    assert code == 75 and "plot-1  unfinished" in text, text
    code, text = one.update("--share", "90", image)  # from where it was stopped
    assert code == 0 and "1.0.0 -> 1.0.1" in text, text
    assert one.watcher.count() > before, "polls went on meanwhile"
    code, text = one.update(image)
    assert code == 0 and "plot-1  current     1.0.1" in text, text


def test_a_first_node_that_fails_its_self_test_protects_the_garden(two, site):
    image = image_file(site.folder, "1.0.1")
    probes = two.boards[0].probes.values
    healthy = dict(probes)
    command = two.begin("--share", "100", image)
    two.wait_for("sending", 50)
    probes.clear()  # what the new image finds
    text = command.communicate(timeout=120)[0]
    assert command.returncode == 75, text
    row = next(line for line in text.splitlines() if line.startswith("plot-1"))
    assert "failed" in row and "1.0.0 " in row, text
    assert "went back to its old image: sensors (one gives nothing)" in row, text
    assert "plot-2  failed" in text and "first node did not do well" in text, text
    probes.update(healthy)
    code, text = two.update("--dry-run", image)
    assert code == 0 and "2 would-take\n" in text, text


def test_a_probe_that_was_broken_before_keeps_no_node_from_its_update(one, site):
    del one.boards[0].probes.values["0"]
    garden.wait_until(lambda: "soil_moisture" in one.watcher.live["plot-1"]["flags"], 30,
                      "the gateway sees that a probe is gone")
    one.boards[0].cut_power()  # it tests itself when it starts
    seen = one.watcher.count()
    one.boards[0].power_on()
    garden.wait_until(lambda: one.watcher.count() > seen, 30, "the node is back")
    code, text = one.update("--share", "100", image_file(site.folder, "1.0.1"))
    assert code == 0 and "its self-test fails as before: sensors" in text, text


def test_what_is_refused_says_why(one, site):
    folder = site.folder
    good = image_file(folder, "1.0.1").read_bytes()
    broken = folder / "broken.img"

    def refused(data):
        broken.write_bytes(data)
        return one.update(broken)

    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    forged = bytearray(good)
    forged[24 + 64] ^= 1  # the signature of the first variant
    for data, words in ((bytes(forged), "signature is wrong"), (good[:-500], "image is cut off"), (bytes(flipped), "does not match"),
                        (b"hello", "not a firmware image; give the .img")):
        code, text = refused(data)
        assert code == 65 and words in text, text
    # A command of another make checks nothing: the daemon does.
    answer = one.ask({"image": base64.b64encode(forged).decode()})
    assert "signature is wrong" in answer["error"]["message"], answer
    code, text = one.update("--device", "plot-9", image_file(folder, "1.0.1"))
    assert code == 69 and "plot-9 is no device of this gateway" in text, text
    audit = subprocess.run([garden.program("baiye"), "audit", "9", "--socket",
                            folder / "baiyed.sock"], capture_output=True, text=True).stdout
    assert "update nodes, these devices plot-9, version 1.0.1: " in " ".join(audit.split()), audit
    code, text = one.update("--bus", "north", image_file(folder, "1.0.1"))
    assert code == 69 and 'no bus "north"' in text, text
    other = image_file(folder, "1.0.3", hardware=HARDWARE + 1)
    code, text = one.update(other)
    assert code == 75 and "plot-1  skipped" in text and "another board" in text, text
    assert "no node takes this image" in text, text
    code, text = one.update("--device", "plot-1", other)
    assert code == 75 and "plot-1  failed" in text and "another board" in text, text
    code, text = one.update(image_file(folder, "1.0.4", counter=0))
    assert code == 75 and "security counter" in text, text
    key = folder / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
                   check=True)
    foreign = image_file(folder, "1.0.6", key=key)
    code, text = one.update("--share", "100", foreign)
    assert code == 75 and "signed with a key that the board does not know" in text, text
    code, text = one.update("--dry-run", foreign)
    assert code == 75 and "signed with a key that the board does not know" in text, text


def test_a_line_of_nodes_is_updated_by_broadcast_and_by_name(row, site):
    first, second = (image_file(site.folder, version) for version in ("1.0.1", "1.0.2"))
    names = ("plot-1", "plot-2", "plot-3")
    starts = [board.starts() for board in row.boards]
    # Only one of them, though all hear what is broadcast.
    assert row.states("--share", "100", "--device", "plot-2", first) == (
        0, {"plot-2": ("updated", "1.0.0")})
    assert [board.starts() - before for board, before in zip(row.boards, starts)] == [0, 1, 0]
    # Now the line is mixed: two sessions, one for each slot, and polls go on.
    seen = {name: row.watcher.count(name) for name in names}
    code, states = row.states("--share", "100", second)
    assert code == 0, states
    assert states == {"plot-1": ("updated", "1.0.0"), "plot-2": ("updated", "1.0.1"),
                      "plot-3": ("updated", "1.0.0")}
    assert [board.starts() - before for board, before in zip(row.boards, starts)] == [1, 2, 1]
    assert all(row.watcher.count(name) > seen[name] for name in names)
    assert row.states("--dry-run", second) == (
        0, {name: ("current", "1.0.2") for name in names})
