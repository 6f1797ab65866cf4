# SPDX-License-Identifier: Apache-2.0
"""A garden that is given up: out at every broker, on whatever machine, at once; its data as said."""
import os
import shutil
import subprocess

import pytest

import garden
from county import reading, settle
from garden import wait_until
from secured import CountyBroker, Peer
from test_broker import refused
from test_enrol import broker, county_est  # noqa: F401

REVOKED = garden.ROOT / "gateway/county/packaging/baiye-county-revoked"


class Machine:
    """One that has a broker: its folder, and what the script there tells the system."""

    def __init__(self, folder, broker):  # noqa: F811
        self.folder, self.broker = folder, broker
        self.state, self.told = folder / "state", folder / "told"
        programs = folder / "programs"
        programs.mkdir()
        (programs / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{self.told}\n')
        (programs / "systemctl").chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    def read_list(self, code=0):
        """What the script tells systemd, done."""
        self.told.write_text("")
        done = subprocess.run([REVOKED, self.folder, self.state], env={**os.environ, "PATH": self.path},
                              capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done
        said = [line.split()[0] for line in self.told.read_text().splitlines()
                if line.endswith("mosquitto.service") and "reset" not in line]
        if "restart" in said:
            self.broker.stop()
            self.broker.start()
        return said


@pytest.fixture
def machines(tmp_path, broker, county_est):  # noqa: F811
    """The county's own, and another with a broker that fetches its list from there."""
    other = tmp_path / "other"
    (other / "revoked").mkdir(parents=True)
    for path in [*tmp_path.glob("*.crt"), *tmp_path.glob("*.acl"), *tmp_path.glob("*.passwd"),
                 tmp_path / "broker.key"]:
        shutil.copy(path, other)
    (other / "list-from").write_text(f"https://127.0.0.1:{county_est.port}\n")
    second = Machine(other, CountyBroker(other, beside=broker))
    assert second.read_list() == ["reload"]
    second.broker.start()
    yield Machine(tmp_path, broker), second
    second.broker.stop()


class Enrolled(Peer):
    def __init__(self, est, place, pair, site):
        self.context = est.context(pair)
        super(Peer, self).__init__(place, site)


def test_a_retired_garden_is_out_at_every_broker_and_its_data_stays(county_est, database,  # noqa: F811
                                                                    machines):
    here, there = machines
    pair, other = county_est.enrolled("farm-1"), county_est.enrolled("farm-2")
    here.read_list()
    good = Enrolled(county_est, here.broker, pair, "farm-1")
    good.keep(*[reading("plot-1", n) for n in range(1, 21)])
    good.send(1, 10)
    good.beat()
    wait_until(lambda: database("SELECT ids, last FROM gateway") == "{[1,11)}|20", 120, "it is heard")
    elsewhere = Enrolled(county_est, there.broker, pair, "farm-1")
    gone = set()
    for peer in good, elsewhere:
        wait_until(peer.client.is_connected, 120, "it is connected")
        peer.client.on_disconnect = lambda *_, peer=peer: gone.add(peer)
    assert county_est.admin("retire", "farm-1", "keep") == \
        "farm-1: retired; 1 certificates count no more, 0 readings removed"
    assert here.read_list() == ["restart"] and there.read_list() == ["restart"]
    assert here.read_list() == [] and there.read_list() == [], "once"
    wait_until(lambda: gone == {good, elsewhere}, 120, "who was connected is not any more")
    for place in here.broker, there.broker:
        assert refused(place, place.port, county_est.context(pair))
        assert not refused(place, place.port, county_est.context(other))
    assert database("SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM hole),"
                    " (SELECT count(*) FROM garden_now)") == "10|0|0"
    assert "farm-1\tretired, data kept" in county_est.admin("audit", "farm-1")
    good.stop(), elsewhere.stop()


def test_nothing_is_taken_in_its_name_until_a_token_takes_it_in_again(county_est, broker,  # noqa: F811
                                                                      database):
    county_est.enrolled("farm-1")
    good = Peer(broker, "farm-1")  # by a certificate that is on no list
    good.keep(*[reading("plot-1", n) for n in range(1, 21)])
    good.send(1, 10)
    settle_to(database, good, 10)
    county_est.admin("retire", "farm-1", "remove")
    stranger = Peer(broker, "farm-1")  # another gateway, in that garden's name
    stranger.keep(reading("plot-1", 1))
    for peer, (first, last) in (good, (11, 20)), (good, (1, 1)), (stranger, (1, 1)):
        peer.send(first, last)
        peer.beat()
    good.send_raw(b'{"label":"back"}', leaf="site")
    mark = Peer(broker, "farm-2")
    mark.keep(reading("plot-1", 1))
    mark.send(1, 1)
    settle(database, mark)
    wait_until(lambda: database.number("SELECT count(DISTINCT body) FROM dead") == 6, 120, "put aside")
    assert all(why.endswith("site farm-1 is retired") for why, in database.rows("SELECT DISTINCT reason FROM dead"))
    assert database("SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM document),"
                    " (SELECT string_agg(site, ' ' ORDER BY site) FROM gateway)") == "1|0|farm-1 farm-2"
    county_est.token("farm-1")
    good.send(11, 20)
    wait_until(lambda: database.number("SELECT count(*) FROM reading") == 11, 120, "it counts again")
    for peer in good, stranger, mark:
        peer.stop()


def settle_to(database, gateway, last):
    wait_until(lambda: database.number(
        f"SELECT count(*) FROM gateway WHERE gw = '{gateway.uuid}' AND ids @> int8range(1, {last + 1})"),
        120, "it is stored")


def test_a_list_of_another_authority_is_not_taken(machines, county_est):  # noqa: F811
    _, there = machines
    before = (there.folder / "revoked/gateways.crl").read_bytes()
    county_est.enrolled("farm-1")
    county_est.admin("revoke", "farm-1")
    shutil.copy(there.folder / "county-ca.crt", there.folder / "gateways-ca.crt")
    assert there.read_list(code=1) == []
    assert (there.folder / "revoked/gateways.crl").read_bytes() == before
