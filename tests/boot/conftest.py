# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import pytest  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure brings what the machine said."""
    outcome = yield
    machine = getattr(item, "funcargs", {}).get("vm")
    if call.when == "call" and outcome.get_result().failed and machine and machine.agent:
        said = machine.run("journalctl -b -o short-monotonic -n 40 --no-pager; "
                           "systemctl --failed --plain --no-legend")[1]
        outcome.get_result().sections.append(("the machine's journal", said))
