# SPDX-License-Identifier: Apache-2.0
"""The county's programs with real engines: PostgreSQL, mosquitto, and gateways that keep what they
have sent."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import pytest  # noqa: E402

from county import Broker, Database, Program  # noqa: E402
from sites import needs, pytest_runtest_makereport, site  # noqa: E402,F401


@pytest.fixture(scope="session")
def server():
    database = Database()
    database.start()
    yield database
    database.stop()


@pytest.fixture
def database(server):
    """An empty one with the extension that the package's set-up makes."""
    server.ensure()
    server.make()
    return server


@pytest.fixture
def broker(tmp_path):
    running = Broker(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path, broker, database, needs):  # noqa: F811
    """start("baiye-ingest", "a"): runs until the test ends."""
    made = []

    def begin(program, instance="a", **settings):
        needs(program)
        one = Program(tmp_path, program, instance, broker, database, **settings)
        one.start()
        made.append(one)
        return one
    yield begin
    for one in made:
        one.kill()


@pytest.fixture
def ingest(start):
    return lambda instance="a": start("baiye-ingest", instance)


@pytest.fixture
def county(start):
    return lambda instance="a", **settings: start(
        "baiye-county", instance, **{"patience": "1s", "ask_again": "1h", **settings})
