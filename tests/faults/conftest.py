# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault tests: a broker, a consumer, a gateway without buses."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import garden  # noqa: E402
from gateway import Gateway  # noqa: E402
from sites import needs, pytest_runtest_makereport, site  # noqa: E402,F401


@pytest.fixture
def broker(tmp_path):
    made = garden.Broker(tmp_path)
    yield made
    if made.running():
        made.kill()


@pytest.fixture
def gateways(tmp_path):
    """Makes gateways; ends those that still run."""
    made = []

    def make(*arguments, **more):
        gateway = Gateway(tmp_path, *arguments, **more)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.kill()


@pytest.fixture
def watchers():
    made = []

    def make(broker):
        made.append(garden.Watcher(broker))
        return made[-1]

    yield make
    for watcher in made:
        watcher.stop()
