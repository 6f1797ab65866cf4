# SPDX-License-Identifier: Apache-2.0
"""The configuration file is wrong: at a reload, and at a start after it. The garden goes on by the
last one that was good, says which line is wrong, and tells those who look after it."""
import json
import pathlib
import subprocess

import garden
import pytest
import unit_filter

BUSES = [{"name": "east", "port": "/dev/not-there", "baud": 9600, "devices": [
    {"name": "air", "address": 1, "profile": "own-probe"}]}]
PROFILE = """label: my probe
fields:
  - { metric: air_temperature, function: 4, register: 1, type: s16, scale: 0.1 }
"""


class Site:
    def __init__(self, folder):
        self.folder, self.state = folder, folder / "state"
        self.state.mkdir()
        self.profiles = folder / "profiles"
        self.profiles.mkdir()
        (self.profiles / "own-probe.yaml").write_text(PROFILE)
        self.broker = garden.Broker(folder)
        self.broker.start()
        self.watcher = None
        self.gateway = garden.Gateway(folder, self.broker, BUSES, profiles="profiles")
        self.gateway.environment["STATE_DIRECTORY"] = str(self.state)

    def cli(self, *words):
        done = subprocess.run([garden.program("baiye"), *words, "--socket",
                               str(self.folder / "baiyed.sock")],
                              capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout, done.stderr

    def stats(self):
        code, out, _ = self.cli("stats", "--json")
        return json.loads(out) if code == 0 else None

    def start(self):
        self.gateway.start()
        return garden.wait_until(self.stats, 20, "it answers")

    def damage(self, old, new):
        """One line of the file becomes wrong; its number."""
        text = self.gateway.config_path.read_text()
        line = next(n for n, each in enumerate(text.splitlines(), 1) if old in each)
        self.gateway.config_path.write_text(text.replace(old, new, 1))
        return line

    def close(self):
        self.gateway.stop()
        self.broker.kill()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


def alert_of(site):
    """The one about the configuration, as a subscriber sees it; b"": none any more."""
    watcher = garden.Watcher(site.broker)
    try:
        return garden.wait_until(lambda: watcher.retained.get("alert/configuration"), 10,
                                 "the alert")
    finally:
        watcher.stop()


def test_a_reload_answers_when_the_new_configuration_is_in_force(site):
    before = site.start()
    site.gateway.config["site"] = "other"
    site.gateway.write_config()
    assert site.cli("reload") == (0, "the new configuration is in force\n", "")
    after = site.stats()
    assert after["site"] == "other" and after["boot"] == before["boot"] + 1
    comm = pathlib.Path(f"/proc/{site.gateway.child.pid}/comm").read_text()
    assert comm == "baiyed\n"


def test_a_refused_reload_fails_and_names_the_line(site):
    before = site.start()
    line = site.damage("commit_every: 200ms", "commit_every: 200 bananas")
    code, out, err = site.cli("reload")
    assert (code, out) == (78, "")
    assert f"{site.gateway.config_path}:{line}:" in err
    assert site.stats()["boot"] == before["boot"]
    assert f":{line}:" in json.loads(alert_of(site))["what"]


def test_a_chinese_reader_is_told_in_chinese_what_is_wrong_and_the_log_stays_english(site, monkeypatch):
    site.start()
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    line = site.damage('site:', 'nonsense: 3\nsite:')
    code, _, err = site.cli("reload")
    assert code == 78 and f"baiyed.yaml:{line}: " in err
    where = f"{site.gateway.config_path}:{line}: "
    assert "unknown key" not in err and "; " not in err and "\"nonsense\"" not in err and "nonsense" in err, err
    alert = json.loads(alert_of(site))
    chinese = alert["zh"]["what"]
    assert where + "unknown key" in alert["what"] and where in chinese and "unknown" not in chinese
    assert where + "unknown key" in site.gateway.log()


def test_after_a_refused_reload_the_garden_starts_again_by_the_last_good_file(site):
    before = site.start()
    line = site.damage("commit_every: 200ms", "commit_every: 200 bananas")
    site.gateway.kill()  # and the power fails
    after = site.start()
    assert after["site"] == before["site"] and after["boot"] == before["boot"] + 1
    assert f"{site.gateway.config_path}:{line}:" in after["config_refused"]
    assert f"{site.gateway.config_path}:{line}:" in site.gateway.log()
    assert f":{line}:" in json.loads(alert_of(site))["what"]
    # Mended, it is taken; and the bad one never was.
    site.gateway.write_config()
    assert site.cli("reload")[0] == 0
    assert site.stats()["config_refused"] == ""


def test_each_good_one_is_kept_with_no_other_system_calls_than_the_unit_leaves(site):
    """The second takes the place of what tells of the first, which is not to be made another's."""
    site.gateway.arguments = unit_filter.behind("baiyed.service") + site.gateway.arguments
    site.start()
    for name in "second", "third":
        site.gateway.config["site"] = name
        site.gateway.write_config()
        assert site.cli("reload")[0] == 0
    site.gateway.kill()
    site.gateway.config_path.write_text("site: [")
    assert site.start()["site"] == "third"
    assert "can't be kept" not in site.gateway.log()


@pytest.mark.parametrize("harm", ["gone", "empty", "half", "bytes", "profile", "no-profile"])
def test_whatever_has_become_of_the_files_it_starts(site, harm):
    before = site.start()
    site.gateway.kill()
    path, profile = site.gateway.config_path, site.profiles / "own-probe.yaml"
    if harm == "gone":
        path.unlink()
    elif harm == "empty":
        path.write_text("")
    elif harm == "half":
        text = path.read_text()
        path.write_text(text[:len(text) // 2])
    elif harm == "bytes":
        path.write_bytes(b"\0\xff" * 300)
    elif harm == "profile":
        profile.write_text(PROFILE.replace("type: s16", "type: s61"))
    else:
        profile.unlink()
    after = site.start()
    assert after["site"] == before["site"] and after["config_refused"] != ""


def test_the_last_good_one_is_of_this_file_only(site, tmp_path):
    """A gateway that is started with another file has none."""
    site.start()
    site.gateway.kill()
    other = tmp_path / "other.yaml"
    other.write_text("site: [")
    done = subprocess.run([garden.program("baiyed"), "--config", other], capture_output=True,
                          text=True, timeout=120, env={"STATE_DIRECTORY": str(site.state)})
    assert done.returncode == 78 and f"{other}:" in done.stderr


def test_check_judges_the_file_itself(site):
    site.start()
    line = site.damage("commit_every: 200ms", "commit_every: 200 bananas")
    done = subprocess.run([garden.program("baiyed"), "--config", site.gateway.config_path,
                           "--check"], capture_output=True, text=True, timeout=120,
                          env={"STATE_DIRECTORY": str(site.state)})
    assert done.returncode == 78 and f":{line}:" in done.stderr


def test_an_unchanged_configuration_is_not_written_again(site):
    site.start()
    kept = sorted((f, f.stat().st_ino, f.stat().st_mtime_ns) for f in site.state.rglob("*"))
    assert any(f.name == "own-probe.yaml" for f, _, _ in kept)
    site.gateway.kill()
    site.start()
    assert kept == sorted((f, f.stat().st_ino, f.stat().st_mtime_ns)
                          for f in site.state.rglob("*"))


def test_a_power_cut_while_it_is_kept_leaves_the_one_before(site):
    """Whatever part of the second copy was written: the first counts until the second is whole."""
    site.start()
    site.gateway.kill()
    second = site.state / "config.2"
    second.mkdir()
    (second / "baiye.yaml").write_text("site: half")
    (second / "origin").write_text(str(site.gateway.config_path))
    site.gateway.config_path.write_text("")
    assert site.start()["config_refused"] != ""
