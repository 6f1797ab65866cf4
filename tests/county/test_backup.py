# SPDX-License-Identifier: Apache-2.0
"""A copy of the database, and a standby: what the operator's guide says of them."""
import shutil
import subprocess

import pytest

from county import (BIN, Database, Gateway, as_postgres, expected, holes, reading, settle, stored)
from garden import wait_until


class Copy(Database):
    """A server whose files come from another's, by pg_basebackup."""

    def __init__(self, original, *options):
        self.original, self.options = original, options
        super().__init__()
        self.name = original.name

    def fill(self):
        original = self.original
        subprocess.run(as_postgres(
            BIN / "pg_basebackup", "-D", self.data, "-h", original.folder, "-p", original.port,
            "-U", "postgres", "-X", "stream", "-c", "fast", *self.options),
            check=True, cwd="/", capture_output=True)


@pytest.fixture
def first(database):
    """A server of this test's own, since it dies."""
    server = Database()
    server.start()
    server.make()
    yield server
    server.stop()


@pytest.fixture
def copy(first):
    made = []

    def make(*options):
        made.append(Copy(first, *options))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def grow(gateway, count):
    first, last = gateway.keep(*[reading("plot-1", len(gateway.records) + n + 1)
                                 for n in range(count)])
    for at in range(first, last + 1, 10):
        gateway.send(at, min(at + 9, last))


def test_a_base_backup_that_is_put_back_is_healed_by_the_gateways(first, copy, broker, start):
    one = start("baiye-ingest", "a", database=first.conninfo)
    gateway = Gateway(broker, "farm-1")
    grow(gateway, 200)
    backup = copy()  # while readings come
    grow(gateway, 200)
    settle(first, gateway)
    one.stop()
    first.kill()
    shutil.rmtree(first.data)
    backup.start()
    lost = 400 - len(stored(backup, gateway))
    assert lost > 0, "the test took no copy of an earlier time"
    start("baiye-ingest", "b", database=backup.conninfo)
    start("baiye-county", "a", database=backup.conninfo, patience="1s")
    grow(gateway, 20)
    gateway.beat()
    settle(backup, gateway)
    assert not holes(backup, gateway)
    assert stored(backup, gateway) == expected(gateway)


def test_a_standby_takes_over_and_nothing_is_lost(first, copy, broker, start):
    standby = copy("-R")
    standby.start()
    both = (f"host={first.folder},{standby.folder} port={first.port},{standby.port}"
            f" dbname={first.name} user=postgres target_session_attrs=read-write")
    one = start("baiye-ingest", "a", database=both)
    start("baiye-county", "a", database=both, patience="1s")
    gateway = Gateway(broker, "farm-1")
    grow(gateway, 300)
    wait_until(lambda: len(stored(first, gateway)) > 50, 120, "readings come")
    first.kill()
    assert standby("SELECT pg_promote(true, 600)") == "t"
    grow(gateway, 100)
    gateway.beat()

    def attended():
        """As its unit does."""
        if not one.running():
            one.start(ready=False)
        return True
    wait_until(lambda: attended() and standby.number(
        "SELECT coalesce(max(last), 0) FROM gateway") == 400, 120, "what the gateway has is known")
    settle(standby, gateway, meanwhile=attended)
    assert stored(standby, gateway) == expected(gateway)
