# SPDX-License-Identifier: Apache-2.0
"""The gateways' versions: which ring each is in, told to it by the county; and that a version of
which too many go back is held. The repository is real, the gateways are told of by their messages."""
import os
import pathlib
import subprocess
import tempfile

import pytest

import garden
from county import Fleet
from garden import wait_until

REPO = garden.ROOT / "gateway/county/packaging/baiye-county-repo"


class Gateways(Fleet):
    """They answer `upgrade`, and say what version they run, and from which they have gone back."""

    def __init__(self, broker, names):
        self.asked = {name: [] for name in names}
        self.says = {"ok": True}
        super().__init__(broker, asks="upgrade")

    def answer(self, site, method, body):
        self.asked[site].append(body)
        return self.says

    def runs(self, name, version, **more):
        number = int(name.split("-")[1])
        self.beat(name, f"00000000-0000-4000-8000-{number:012}", last=1, sent=1, version=version, **more)

    def went_back(self, name, version):
        self.runs(name, "0.1.0", undone=version)


@pytest.fixture
def gateways(broker, database, ingest):
    ingest()
    names = [f"farm-{n}" for n in range(1, 41)]
    running = Gateways(broker, names)
    for name in names:
        running.runs(name, "0.1.0")
    wait_until(lambda: database.number("SELECT count(*) FROM gateway WHERE version IS NOT NULL") == 40, 60,
               "all have been heard")
    yield running
    running.stop()


@pytest.fixture
def operator(county):
    config = county().config

    def run(*words, code=0):
        done = subprocess.run([garden.program("baiye-county"), config, "upgrade", *words], capture_output=True,
                              text=True, timeout=600, check=False)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr
    return run


class Repository:
    def __init__(self, folder, database):
        self.folder = folder
        self.environment = {**os.environ, "BAIYE_COUNTY": str(folder / "etc"),
                            "BAIYE_REPOSITORY": str(folder / "repository"), "BAIYE_DATABASE": database.conninfo}

    def __call__(self, *words, code=0):
        done = subprocess.run([REPO, *map(str, words)], capture_output=True, text=True, timeout=600,
                              check=False, env=self.environment)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    def add(self, version):
        control = self.folder / f"v{version}" / "DEBIAN/control"
        control.parent.mkdir(parents=True)
        control.write_text(f"Package: baiye\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@localhost>\n"
                           "Section: net\nPriority: optional\nDescription: a gateway\n")
        made = self.folder / f"baiye_{version}_all.deb"
        subprocess.run(["dpkg-deb", "-Znone", "-b", control.parents[1], made], check=True, stdout=subprocess.DEVNULL)
        return self("add", made)


def test_each_is_told_its_ring_once(gateways, operator, database):
    operator("early", "farm-1", "farm-2")
    wait_until(lambda: all(gateways.asked[f"farm-{n}"] for n in (1, 2)), 60, "both are told")
    assert gateways.asked["farm-1"] == [{"suite": "early"}]
    wait_until(lambda: database.number("SELECT count(*) FROM upgrade WHERE wanted") == 0, 60, "they have answered")
    gateways.says = {"error": {"code": "unavailable", "message": "nobody is there", "hint": ""}}
    operator("now", "all")
    wait_until(lambda: database.number("SELECT count(*) FROM upgrade WHERE NOT wanted AND answer <> ''") == 40, 60,
               "all have answered")
    assert gateways.asked["farm-1"] == [{"suite": "early"}] * 2, "the ring stays"
    assert gateways.asked["farm-3"] == [{}], "nothing is said twice, and no ring is made up"
    assert "farm-2\tearly\t0.1.0\tnobody is there" in operator("list")
    assert "early\t0.1.0\t2 gateways\t0 have gone back" in operator("rings")
    for words in ([], ["beta", "farm-1"], ["early"], ["early", "farm-99"], ["early", "'; DROP TABLE upgrade"]):
        operator(*words, code=69)
    assert database.number("SELECT count(*) FROM upgrade") == 40


@pytest.fixture
def folder():
    """A short path: gpg's agent has its socket there."""
    with tempfile.TemporaryDirectory(prefix="baiye-repo-") as made:
        yield pathlib.Path(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="the repository is root's")
def test_a_version_of_which_too_many_go_back_is_held(gateways, database, folder):
    repository = Repository(folder, database)
    repository("init", "file:/nowhere")
    repository.add("0.2.0+deb12")
    assert "no gateway runs 0.2.0+deb12 yet" in repository("promote", "early", code=1)
    for n in range(1, 31):
        gateways.runs(f"farm-{n}", "0.2.0")
    gateways.went_back("farm-40", "0.2.0+deb12")
    wait_until(lambda: "30 run it, 1 have gone back" in repository("list"), 60, "both are known")
    assert repository("watch") == "", "1 of 31 is less than 5 %"
    assert repository("promote", "early", "20") == "early: 0.2.0+deb12, 20 %\n"
    gateways.went_back("farm-39", "0.2.0+deb12")
    wait_until(lambda: "30 run it, 2 have gone back" in repository("list"), 60, "it is known")
    said = repository("watch")
    assert "canary: 0.2.0+deb12 is held" in said and "early: 0.2.0+deb12 is held" in said
    assert "held in early" in repository("promote", "stable", code=1)
    packages = list(folder.glob("repository/public/dists/*/main/binary-amd64/Packages"))
    assert sum("Phased-Update-Percentage: 0\n" in pathlib.Path(path).read_text() for path in packages) == 2
    # The next one is not held for what became of this one.
    repository.add("0.2.1")
    assert repository("watch") == "" and "canary  0.2.1" in repository("list")
    assert "canary has 0.2.1 already" in repository("add", folder / "baiye_0.2.0+deb12_all.deb", code=1)
