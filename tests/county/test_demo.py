# SPDX-License-Identifier: Apache-2.0
"""tools/county: what somebody sees who tries it, and that nothing of it stays."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import uuid

import pytest

import garden
from garden import wait_until


class Demo:
    """What tools/county starts when everything is built."""

    def __init__(self, folder, *words):
        self.mark, self.out = uuid.uuid4().hex, folder / "out"
        with open(self.out, "wb") as out:
            self.child = subprocess.Popen(
                [sys.executable, garden.ROOT / "tools/field/county_demo.py", *words], stdout=out,
                stderr=out, env={**os.environ, "BAIYE_MARK": self.mark, "BAIYE_BUILD": str(
                    garden.BUILD)}, start_new_session=True, preexec_fn=garden.hear_interrupts)

    def text(self):
        return self.out.read_text()

    def stands(self):
        return self.child.poll() is not None or "Ctrl-C ends it" in self.text()

    def left(self):
        """Processes that it started and that have not ended; PostgreSQL's, which write over their
        environment, by folder."""
        found = re.search(r"host=(\S+)", self.text())
        folder = found[1] if found else "no folder"
        names = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                ours = self.mark.encode() in (entry / "environ").read_bytes()
                if ours or os.readlink(entry / "cwd").startswith(folder):
                    names.append((entry / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue  # it has just ended
        return names

    def pids(self, word):
        return [int(pid) for pid in re.findall(rf"{word} (\d+)", self.text())]


@pytest.fixture
def demo(tmp_path, needs):
    needs("baiyed", "baiye-field", "baiye-ingest", "baiye-county")
    begun = []

    def begin(*words):
        begun.append(Demo(tmp_path, *words))
        return begun[-1]
    yield begin
    for one in begun:
        if one.child.poll() is None:
            one.child.terminate()
            one.child.wait(1200)


def counts(text):
    found = re.search(r"^county: sent=(\d+) stored=(\d+) holes=(\d+) duplicates=(\d+) dead=(\d+)$",
                      text, re.MULTILINE)
    assert found, text
    return tuple(map(int, found.groups()))


def test_a_county_loses_nothing_when_a_broker_dies_and_leaves_nothing_behind(demo):
    one = demo("--seconds", "12", "--gardens", "10")
    wait_until(one.stands, 300, "the county stands")
    broker = one.pids("kill -9")[0]
    os.kill(broker, signal.SIGKILL)
    assert one.child.wait(1200) == 0, one.text()
    assert "mosquitto-a ended, code -9: it is started again" in one.text()
    sent, stored, *rest = counts(one.text())
    assert sent == stored > 100
    assert rest == [0, 0, 0]
    assert not one.left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_count_and_leaves_no_child(demo, number):
    one = demo("--gardens", "6")
    wait_until(one.stands, 300, "the county stands")
    assert len(one.left()) > 10
    one.child.send_signal(number)
    assert one.child.wait(1200) == 0, one.text()
    sent, stored, *rest = counts(one.text())
    assert sent == stored and rest == [0, 0, 0]
    assert not one.left()


@pytest.mark.parametrize("what", ["mosquitto-b", "baiye-ingest", "baiye-field"])
def test_a_signal_while_it_starts_leaves_no_child(demo, what):
    one = demo("--gardens", "6")
    wait_until(lambda: any(what in words for words in one.left()), 120, f"{what} runs")
    one.child.terminate()
    code = one.child.wait(1200)
    assert code == (0 if "Ctrl-C ends it" in one.text() else 130), one.text()
    assert not one.left()
