# SPDX-License-Identifier: Apache-2.0
"""What the field does to a gateway, one file a case: the real daemon and a broker, and in the place
of the probe a scripted device on a pseudo-terminal or a TCP port."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import pytest  # noqa: E402

from probe import Farm  # noqa: E402
from sites import needs, pytest_runtest_makereport, site  # noqa: E402,F401


@pytest.fixture
def farm(site, needs):  # noqa: F811
    needs("baiyed", "baiye")
    made = Farm(site)
    yield made
    made.close()
