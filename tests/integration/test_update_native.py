# SPDX-License-Identifier: Apache-2.0
"""`baiye update` over a line of native nodes: what a technician sees who tries it without a board."""
import json
import os
import pty
import re
import select
import struct
import subprocess
import time

import pytest

import garden
from updater import Updater

NODES = 3
NAMES = [f"plot-{i + 1}" for i in range(NODES)]


class NativeLine(Updater):
    def __init__(self, site):
        super().__init__(site)
        site.start_broker()
        site.start_field([{"name": "east", "baud": 115200, "units": [
            {"kind": "native", "address": i + 1, "name": name, "period_s": 2}
            for i, name in enumerate(NAMES)]}])
        self.watcher = site.start_watcher()
        site.start_gateway(every="2s")
        garden.wait_until(lambda: all(self.watcher.count(name) for name in NAMES), 40,
                          "readings of every node")

    def versions(self):
        """What each node says of itself: NODE_VERSION. A node is a process, which has to wait for its
        turn on a busy machine."""
        said = [self.ask({"bus": "east", "unit": i + 1, "pdu": "0400c20003", "timeout_ms": 10000},
                         "raw") for i in range(NODES)]
        assert all("result" in answer for answer in said), said
        return [".".join(str(part) for part in struct.unpack(
            ">HHH", bytes.fromhex(answer["result"]["pdu"])[2:])) for answer in said]


@pytest.fixture
def line(site):
    return NativeLine(site)


class Terminal:
    """A command on a terminal of its own, as a person has it."""

    def __init__(self, command):
        self.text, self.code = "", None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], [str(part) for part in command])

    def read(self, deadline):
        """What it says next; False when it has ended."""
        if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"nothing more is said after: {self.text}")
        try:
            said = os.read(self.fd, 4096)
        except OSError:  # the other end is closed
            said = b""
        self.text += said.decode()
        return bool(said)

    def wait_for(self, pattern, seconds=60):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert self.read(deadline), f"it ended without {pattern}: {self.text}"

    def wait(self, seconds=120):
        deadline = time.monotonic() + seconds
        while self.read(deadline):
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return self.code


def test_a_line_is_updated_while_it_is_polled_and_then_tells_its_new_version(line, site):
    assert line.versions() == ["0.1.0"] * NODES
    image = garden.native_image(site.folder, "0.2.0")
    seen = {name: line.watcher.count(name) for name in NAMES}
    code, text = line.update("--share", "100", image)
    assert code == 0, text
    for name in NAMES:
        assert f"{name}  updated     0.1.0 -> 0.2.0" in text, text
        assert line.watcher.count(name) > seen[name], "polls went on meanwhile"
    assert f"{NODES} updated\n" in text, text
    assert line.versions() == ["0.2.0"] * NODES
    code, text = line.update("--json", garden.native_image(site.folder, "0.3.0"))  # from the other slots
    told = [json.loads(row) for row in text.splitlines()]
    assert code == 0 and [(one["device"], one["state"]) for one in told] == [
        (name, "updated") for name in NAMES], text
    code, text = line.update("--dry-run", image)
    assert code == 75 and "no newer than the one that runs" in text, text
    again = garden.native_image(site.folder, "0.2.0", counter=2)
    code, text = line.update("--dry-run", again)
    assert code == 0 and "0.3.0 -> 0.2.0" in text, "with the next counter it may be gone back to"
    code, text = line.update("--dry-run", garden.native_image(site.folder, "0.4.0", counter=0))
    assert code == 75 and "security counter" in text, text


def test_a_key_that_no_node_knows_is_found_before_a_byte_is_sent(line, site):
    key = site.folder / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
                   check=True)
    image = garden.native_image(site.folder, "0.2.0", key=key)
    flashes = sorted((site.folder / "field").glob("n*.flash"))
    assert len(flashes) == NODES
    before = [path.read_bytes() for path in flashes]
    code, text = line.update(image)
    assert code == 75, text
    assert text.count("signed with a key that the board does not know") == NODES, text
    assert [path.read_bytes() for path in flashes] == before, "nothing was erased for it"
    code, text = line.update("--share", "100", garden.native_image(site.folder, "0.2.1"))
    assert code == 0 and f"{NODES} updated\n" in text, text


def test_a_node_that_loses_its_power_in_the_middle_is_updated_all_the_same(line, site):
    command = line.begin("--share", "100", garden.native_image(site.folder, "0.2.0"))
    line.wait_for("sending", 300)
    site.field.control("power", line="east", unit=2, on=False)
    site.field.control("power", line="east", unit=2, on=True)
    text = command.communicate(timeout=180)[0]
    assert command.returncode == 0 and f"{NODES} updated\n" in text, text


def test_on_a_terminal_there_is_a_bar_and_ctrl_c_only_stops_watching(line, site):
    image = garden.native_image(site.folder, "0.2.0")
    command = line.command("--share", "20", image)
    terminal = Terminal(command)
    terminal.wait_for(r"\[#+\.+\] +\d+ %  east: sending, \d+ min \d\d s left")
    os.write(terminal.fd, b"\x03")
    assert terminal.wait() == 130
    assert "`baiye update` shows it again, `baiye update --stop` ends it." in terminal.text
    shares = [int(share) for share in re.findall(r"(\d+) %", terminal.text)]
    assert shares == sorted(shares), "it never goes back"
    again = Terminal(line.command())
    again.wait_for(r"\[#+\.*\] +\d+ %  east: ")
    assert again.wait() == 0
    told = again.text.rsplit("\r" + 79 * " " + "\r", 1)[1]  # the bar is wiped for the table
    for name in NAMES:
        assert re.search(rf"^{name}  updated     0\.1\.0 -> 0\.2\.0", told, re.M), told
    assert int(re.search(r"(\d+) %", again.text)[1]) >= shares[-1], "from where it was"
