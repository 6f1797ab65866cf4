# SPDX-License-Identifier: Apache-2.0
"""A garden that falls silent is told of, by the ways of a gateway; and that it is back."""
import json
import os
import pathlib

import pytest

from garden import wait_until
from services import Service, is_noted

QUIET = "UPDATE gateway SET seen = now() - interval '3 h' WHERE site = 'farm-0'"


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.stop()


@pytest.fixture
def gardens(database, start, service, tmp_path):
    """Five that were just heard; baiye-county watches them."""
    state = tmp_path / "state"
    state.mkdir()
    start("baiye-ingest")  # makes the tables
    database("INSERT INTO gateway (gw, site) SELECT gen_random_uuid(), 'farm-' || n"
             " FROM generate_series(0, 9) n")
    database("INSERT INTO document (site, name, broker, body) VALUES ('farm-0', 'site', 'x',"
             " '{\"label\": \"南坡\\n{evil}\"}')")

    def watch(instance="a"):
        return start("baiye-county", instance, silent="2h", state=str(state), escalate="1h", notify=[
            {"name": "desk", "language": "en", "webhook": {
                "url": service.url("/desk"), "ca_file": str(service.cert)}},
            {"name": "head", "language": "zh", "webhook": {
                "url": service.url("/head"), "ca_file": str(service.cert)}}])
    return watch


def secrets_process(county):
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text() == "baiye-notifier\n" and \
                    int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == county.child.pid:
                return int(entry.name)
        except OSError:
            continue  # it has just ended
    return None


def test_a_silent_garden_is_told_of_once_and_that_it_is_back(database, gardens, service, tmp_path):
    county = gardens()
    wait_until(lambda: secrets_process(county), 60, "the process with the secrets is another one")
    database(QUIET)
    wait_until(lambda: service.texts("/desk"), 120, county.log())
    assert "[Alert] nothing is heard of the garden 南坡 {evil}" in service.texts("/desk")[0]
    assert database("SELECT site FROM silence") == "farm-0"
    wait_until(lambda: is_noted(tmp_path / "state/notices-a.db", "silent-farm-0"), 120, "it knows what it has told")
    county.kill()
    county.start()
    database("UPDATE gateway SET seen = now() WHERE site = 'farm-0'")
    wait_until(lambda: service.texts("/desk")[1:], 120, county.log())
    assert [text.split()[0] for text in service.texts("/desk")] == ["[Alert]", "[Over]"]
    assert database.number("SELECT count(*) FROM silence") == 0


def test_of_two_that_watch_one_tells_and_the_other_when_it_is_gone(database, gardens, service, tmp_path):
    first = gardens("a")
    wait_until(lambda: "looked for" in first.log(), 120, first.log())
    second = gardens("b")
    database(QUIET)
    wait_until(lambda: service.texts("/desk"), 120, first.log())
    first.kill()
    database("UPDATE gateway SET seen = now() - interval '4 h' WHERE site = 'farm-1'")
    wait_until(lambda: any("farm-1" in text for text in service.texts("/desk")), 120, second.log())
    assert sum("南坡" in text and "Alert" in text for text in service.texts("/desk")) <= 2


def test_it_waits_while_postgresql_is_away(database, gardens, service):
    county = gardens()
    wait_until(lambda: "looked for" in county.log(), 120, county.log())
    database.kill()
    wait_until(lambda: "nobody knows which gardens are silent" in county.log(), 120, county.log())
    database.start()
    database(QUIET)
    wait_until(lambda: service.texts("/desk"), 120, county.log())
    assert len(json.dumps(service.texts("/desk"))) and county.running()
    assert os.path.exists(f"/proc/{county.child.pid}")


def test_firmware_that_goes_no_further_is_told_of(database, gardens, service):
    county = gardens()
    wait_until(lambda: secrets_process(county), 60, "it watches")
    database("INSERT INTO firmware (sha256, hardware, version, counter, size, body) VALUES ('x', 1, '0.2.0', 1, 1, '');"
             "INSERT INTO firmware_rollout (sha256, stop_percent, share_percent, soak_s, deadline_s, state, why)"
             " VALUES ('x', 5, 100, 1, 1, 'stopped', '1 of 2 gateways have failed; farm-1: it does not answer')")
    wait_until(lambda: service.texts("/desk") and service.texts("/head"), 120, county.log())
    assert "[Alert] the firmware 0.2.0 goes no further: 1 of 2 gateways have failed; farm-1: it does" in \
        service.texts("/desk")[0]
    assert "节点固件 0.2.0 停止推送：1 台主机失败，已开始 2 台；farm-1: 没有回应" in service.texts("/head")[0]
    database("UPDATE firmware_rollout SET state = 'aborted'")
    wait_until(lambda: len(service.texts("/desk")) == 2, 120, "it is over")


def test_a_garden_whose_messages_are_set_aside_is_told_of_once(database, gardens, service):
    """And one with a few, or one that is retired, is not."""
    county = gardens()
    wait_until(lambda: secrets_process(county), 60, "it watches")
    database("INSERT INTO retired (site, who, removed) VALUES ('farm-2', 'x', false);"
             "INSERT INTO dead (topic, content_type, reason, body) SELECT 'baiye/farm-' || s || '/readings', '',"
             " '22023 it has had 32 gateways', n::text::bytea FROM (VALUES (1, 10), (2, 10), (3, 9)) f(s, most)"
             " CROSS JOIN LATERAL generate_series(1, most) n")
    wait_until(lambda: service.texts("/desk"), 120, county.log())
    assert "messages of the garden farm-1 do not fit and are set aside" in service.texts("/desk")[0]
    database("UPDATE dead SET at = at - interval '25 h' WHERE body <= '3'")
    wait_until(lambda: len(service.texts("/desk")) == 2, 120, "it is over")
    assert not any(f"farm-{n}" in text for n in (2, 3) for text in service.texts("/desk"))
