# SPDX-License-Identifier: Apache-2.0
"""The bus master on many lines with every fault of the line on: never a value that was not given,
and polling goes on as soon as the faults end."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import _lines  # noqa: E402
import bus  # noqa: E402
from garden import FULL  # noqa: E402

POLLS, LINES = (1000000, 64) if FULL else (20000, 40)


def test_no_wrong_value_with_every_fault_on(needs, figure):
    needs("baiye-field", "bus_poll")
    wrong, readings = bus.wrong_values(POLLS, LINES, seed=1)
    figure(f"{readings} readings, {wrong} wrong")
    assert wrong == 0
    assert readings >= POLLS // 2


def test_goodput_recovers_when_the_faults_end(needs):
    """Within seconds the line carries again nearly what it carries when nothing ever went wrong."""
    needs("baiye-field", "bus_poll")
    units = [{"kind": "responder", "address": 1, "count": 5}]
    with _lines.lines([{"name": "line", "baud": 9600, "quiet": True, "units": units}]) as field:
        polling = _lines.Polling(_lines.config(field), 20, 14)
        bus.time.sleep(1)
        for kind, probability, more in bus.FAULTS:
            field.control("fault", line="line", kind=kind, probability=probability * 5, **more)
        bus.time.sleep(6)
        for kind, _, _ in bus.FAULTS:
            field.control("fault", line="line", kind=kind, probability=0)
        assert sum(field.counts("line")["faults"].values()) > 5
        bus.time.sleep(3)
        before = field.counts("line")["mark"]
        bus.time.sleep(5)
        after = field.counts("line")["mark"]
        polling.stop()
    assert bus.used_part(before, after, 2 * bus.t35_s(9600, 10)) > 0.8
