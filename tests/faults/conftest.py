# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault tests: a broker, a consumer, a gateway without buses. Each test holds what was
taken against what arrives: nothing lost, nothing doubled after de-duplication, every value true, in
order per device. Where each fault is tried:

    power cut at any write ............... tests/unit/store/test_power.c
    crash of gateway, publisher .......... test_broker.py
    freeze of the gateway ................ test_daemon.py
    disk full, slow, broken, read-only ... test_disk.py
    damaged file ......................... test_disk.py
    clock wrong, stepped; time zones ..... test_clock.py
    broker away, frozen, killed, refusing, half open ... test_broker.py, test_scripted.py
    acknowledgements lost, doubled, unknown; flapping .. test_scripted.py
    name server dead ..................... test_broker.py
    slow link, stalls, address translator  test_link.py
    month's data used up ................. test_budget.py
    TLS; certificates replaced ........... test_tls.py, test_daemon.py
    memory, file descriptors ............. test_limits.py, tests/unit/*/test_*memory.c
    reload, watchdog ..................... test_daemon.py
    bus, adapter, late and false answers . tests/integration/test_bus_*.py, test_outages.py
    updates cut off ...................... tests/unit/boot, tests/integration/test_update_board.py
"""
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
