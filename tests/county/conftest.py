# SPDX-License-Identifier: Apache-2.0
"""The county's programs with real engines: PostgreSQL, mosquitto, and gateways that keep what they
have sent."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import pytest  # noqa: E402

from county import Broker, Database, Ingest  # noqa: E402
from sites import needs  # noqa: E402,F401


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
def ingest(tmp_path, broker, database, needs):  # noqa: F811
    needs("baiye-ingest")
    made = []

    def start(instance="a"):
        one = Ingest(tmp_path, instance, broker, database)
        one.start()
        made.append(one)
        return one
    yield start
    for one in made:
        one.kill()
