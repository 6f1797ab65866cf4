# SPDX-License-Identifier: Apache-2.0
"""One file a finding: what an attacker tried, and what must happen. The parts are those of the
integration tests."""
import pathlib
import sys

for room in ("field", "integration"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / room))

from sites import needs, pytest_runtest_makereport, site  # noqa: E402,F401
