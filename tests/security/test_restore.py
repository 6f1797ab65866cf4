# SPDX-License-Identifier: Apache-2.0
"""A backup brings a site back, and an archive from elsewhere writes nothing but a site's files."""
import io
import json
import os
import pathlib
import socket
import sqlite3
import stat
import subprocess
import tarfile

import pytest

import garden

CONFIG = """site: {site}
store: {{ path: {store} }}
mqtt:
  - {{ name: local, url: mqtt://127.0.0.1:1, user: gateway, password_file: gw.pass }}
buses:
  - name: east
    type: tcp
    port: 127.0.0.1:502
    devices:
      - {{ name: plot-1, profile: baiye-node, address: 1, every: 60s }}
"""
SECRET = "what root alone may read"


def database(path):
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE site (name TEXT)")
    file.execute("INSERT INTO site VALUES ('the old one')")
    file.commit()
    file.close()
    return pathlib.Path(path).read_bytes()


@pytest.fixture
def box(tmp_path):
    """A box as the package leaves it: a configuration of its own, no readings."""
    (tmp_path / "etc").mkdir(mode=0o751)
    (tmp_path / "var").mkdir(mode=0o750)
    if os.geteuid() == 0:
        os.chown(tmp_path / "var", 65534, 65534)
    config = tmp_path / "etc" / "baiye.yaml"
    config.write_text(CONFIG.format(site="new", store=tmp_path / "var" / "readings.db"))
    (tmp_path / "etc" / "gw.pass").write_text("of the new box")
    return tmp_path


def member(name, data=b"", kind=tarfile.REGTYPE, mode=0o644, link="", uid=0):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.gid = kind, mode, link, uid, uid
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    info.devmajor, info.devminor = 1, 3
    return info, io.BytesIO(data)


def archive(box, *members, config=None, store=None):
    readings = database(box / "made.db")
    text = (config or CONFIG).format(site="old", store=store or box / "var" / "readings.db")
    with tarfile.open(box / "b.tar", "w") as tar:
        for info, data in [member("config/baiye.yaml", text.encode()), *members,
                           member("readings.db", readings)]:
            tar.addfile(info, data)
    return readings


def restore(box, *more, code=0):
    result = subprocess.run(
        [garden.program("baiye"), "restore", box / "b.tar", "--config", box / "etc" / "baiye.yaml",
         "--socket", box / "no.sock", *more], capture_output=True, text=True, timeout=60)
    assert result.returncode == code, result
    return result


def everything(folder):
    return {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*")}


def test_a_backup_makes_the_new_box_the_old_one(box):
    readings = archive(
        box, member("config/users", b"li technician\n"),
        member("config/mosquitto.passwd", b"li:$7$1$a$b\n"),
        member("config/mosquitto.acl", b"user li\n"), member("config/gw.pass", b"of the old box"),
        member("config/tls", kind=tarfile.DIRTYPE, mode=0o777),
        member("config/tls/server.pem", b"cert"), member("config/tls/server.key", b"key", mode=0o666),
        member("config/tls/ca.pem", b"ca"), member("config/profiles/mine.yaml", b"name: mine\n"),
        member("boards.csv", b"serial,chip\n"))
    told = restore(box).stdout
    etc, var = box / "etc", box / "var"
    assert "site: old" in (etc / "baiye.yaml").read_text()
    assert (etc / "users").read_text() == "li technician\n"
    assert (etc / "mosquitto.passwd").read_text() == "li:$7$1$a$b\n"
    assert (etc / "mosquitto.acl").read_text() == "user li\n"
    assert (etc / "gw.pass").read_text() == "of the old box"
    assert (etc / "tls" / "server.key").read_text() == "key"
    assert (etc / "profiles" / "mine.yaml").read_text() == "name: mine\n"
    assert (var / "readings.db").read_bytes() == readings
    assert (var / "boards.csv").read_text() == "serial,chip\n"
    modes = {str(path.relative_to(box)): stat.S_IMODE(path.stat().st_mode)
             for path in [*etc.rglob("*"), *var.rglob("*")]}
    assert modes["etc/tls"] == 0o750 and modes["etc/tls/server.pem"] == 0o644
    assert modes["etc/tls/server.key"] == modes["etc/users"] == modes["etc/gw.pass"] == 0o640
    assert modes["var/readings.db"] == 0o600
    # What was there is not lost, and what is not in a backup is said with what follows.
    assert "site: new" in (etc / "baiye.yaml.before-restore").read_text()
    assert (etc / "gw.pass.before-restore").read_text() == "of the new box"
    assert "ca.key" in told and "trust" in told


def back_up(box, *more, code=0):
    """What `baiye backup` itself writes. Who answers at the socket is a stand-in: it puts the copy where
    it is asked to."""
    database(box / "copy.db")
    path = box / "c.sock"
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)
    server.settimeout(60)
    backup = subprocess.Popen([garden.program("baiye"), "backup", box / "b.tar", "--config",
                               box / "etc" / "baiye.yaml", "--socket", path, *more],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    if code == 0:
        peer, _ = server.accept()
        asked = json.loads(peer.makefile().readline())
        pathlib.Path(asked["params"]["path"]).write_bytes((box / "copy.db").read_bytes())
        (box / "var" / "boards.csv").write_text("serial,chip\n")
        peer.sendall(json.dumps({"id": asked["id"], "result": {}}).encode() + b"\n")
    told, errors = backup.communicate(timeout=120)
    server.close()
    assert backup.returncode == code, errors
    return told + errors


def test_the_box_that_was_backed_up_comes_back(box):
    etc = box / "etc"
    (etc / "users").write_text("li farmer\n")
    (etc / "profiles").mkdir()
    (etc / "profiles" / "mine.yaml").write_text("name: mine\n")
    (etc / "tls").mkdir()
    (etc / "tls" / "ca.key").write_text("secret of the authority")
    back_up(box)
    for name in ("users", "gw.pass", "profiles/mine.yaml", "tls/ca.key"):
        (etc / name).unlink()
    (box / "var" / "boards.csv").unlink()
    restore(box)
    assert (etc / "users").read_text() == "li farmer\n"
    assert (etc / "gw.pass").read_text() == "of the new box"
    assert (etc / "profiles" / "mine.yaml").exists() and not (etc / "tls" / "ca.key").exists()
    assert (box / "var" / "boards.csv").read_text() == "serial,chip\n"
    assert (box / "var" / "readings.db").read_bytes() == (box / "copy.db").read_bytes()


# --- the authority's key, under a passphrase ---

PASSPHRASE = "plum tea on the north slope"


@pytest.fixture
def authority(box):
    """A box with an authority; its key."""
    (box / "phrase").write_text(PASSPHRASE + "\n")
    done = subprocess.run([garden.program("baiye"), "cert", "--host", "192.0.2.7", "--dir",
                           box / "etc" / "tls"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return (box / "etc" / "tls" / "ca.key").read_bytes()


def with_ca(box, code=0, phrase="phrase"):
    return back_up(box, "--with-ca", "--passphrase-file", box / phrase, code=code)


def test_the_authoritys_key_comes_along_when_asked_for_and_only_under_its_passphrase(box, authority):
    told = with_ca(box)
    assert "passphrase" in told
    assert [path.name for path in box.iterdir() if path.name.startswith("b.tar")] == ["b.tar"]
    with tarfile.open(box / "b.tar") as tar:
        names = [name.removeprefix("./") for name in tar.getnames()]
        assert "config/tls/ca.key.encrypted" in names and "config/tls/ca.key" not in names
        locked = tar.extractfile("config/tls/ca.key.encrypted").read()
    assert authority.splitlines()[2] not in (box / "b.tar").read_bytes()
    # What it is, another program can tell.
    (box / "locked.pem").write_bytes(locked)
    opened = subprocess.run(["openssl", "pkey", "-in", box / "locked.pem", "-passin",
                             f"file:{box / 'phrase'}"], capture_output=True, timeout=60)
    assert opened.stdout == authority, opened.stderr
    key = box / "etc" / "tls" / "ca.key"
    key.unlink()
    told = json.loads(restore(box, "--passphrase-file", box / "phrase", "--json").stdout)
    assert key.read_bytes() == authority and stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "key is back" in " ".join(told["said"]) and told["authority_key"] is True
    assert (told["store"], told["config_folder"], told["complaints"]) == (
        str(box / "var" / "readings.db"), str(box / "etc"), [])
    assert not list(box.rglob("*.encrypted"))


def test_without_the_passphrase_the_rest_is_restored_and_what_follows_is_said(box, authority):
    with_ca(box)
    (box / "etc" / "tls" / "ca.key").unlink()
    told = restore(box, "--json")
    answer = json.loads(told.stdout)
    assert answer["authority_key"] is False and "trust anew" in " ".join(answer["said"])
    assert not (box / "etc" / "tls" / "ca.key").exists()
    assert (box / "var" / "readings.db").exists()


def test_a_wrong_passphrase_changes_nothing(box, authority):
    with_ca(box)
    (box / "etc" / "tls" / "ca.key").unlink()
    (box / "wrong").write_text("plum tea on the south slope\n")
    before = everything(box)
    assert "passphrase" in restore(box, "--passphrase-file", box / "wrong", code=65).stderr
    assert set(everything(box)) == set(before)
    assert not (box / "var" / "readings.db").exists()


def test_the_key_of_another_authority_is_not_put_in_place(box, authority):
    with_ca(box)
    with tarfile.open(box / "b.tar") as tar:
        members = [(info, tar.extractfile(info)) for info in tar if info.isreg()]
        other = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"],
                               capture_output=True, timeout=60, check=True).stdout
        with tarfile.open(box / "c.tar", "w") as out:
            for info, data in members:
                if info.name.endswith("tls/ca.pem"):
                    info.size, data = len(other), io.BytesIO(other)
                out.addfile(info, data)
    os.rename(box / "c.tar", box / "b.tar")
    told = restore(box, "--passphrase-file", box / "phrase", code=65)
    assert "not that of its tls/ca.pem" in told.stderr


@pytest.mark.parametrize("what, code, said", [("no key", 66, "ca.key"), ("a short one", 65, "password"),
                                              ("no file", 65, "password"), ("nobody", 64, "--passphrase-file")])
def test_a_backup_that_can_not_have_the_key_is_not_made(box, authority, what, code, said):
    (box / "short").write_text("tea\n")
    if what == "no key":
        (box / "etc" / "tls" / "ca.key").unlink()
    if what == "nobody":
        told = back_up(box, "--with-ca", code=code)
    else:
        told = with_ca(box, code, {"a short one": "short", "no file": "none"}.get(what, "phrase"))
    assert said in told
    assert not [path for path in box.iterdir() if path.name.startswith("b.tar")]


def test_a_restored_gateway_is_who_it_was_whatever_the_machine(box):
    """The identity that the card brought along is another machine's; the readings' own counts."""
    beside = box / "var" / "readings.db.identity"
    machine = "0123456789abcdef0123456789abcdef"
    beside.write_text(f"01234567-89ab-4def-8123-456789abcdef 7 99 {machine}\n")
    archive(box)
    restore(box)
    assert beside.read_text() == "01234567-89ab-4def-8123-456789abcdef 7 99"
    beside.write_text("01234567-89ab-4def-8123-456789abcdef 7 99\n")  # of before
    restore(box, "--force")
    assert beside.read_text() == "01234567-89ab-4def-8123-456789abcdef 7 99\n"


@pytest.mark.parametrize("name", ["readings.db.restored", "readings.db.months.restored",
                                  "readings.db.months", "readings.db.new", "boards.csv",
                                  "readings.db.identity"])
def test_a_planted_link_is_not_followed(box, name):
    """The daemon's user may write in the store's folder; restore runs as root."""
    archive(box, member("readings.db.months", b"local 202601 1\n"), member("boards.csv", b"x\n"))
    secret = box / "shadow"
    secret.write_text(SECRET)
    before = secret.stat()
    (box / "var" / name).symlink_to(secret)
    restore(box)
    after = secret.stat()
    assert secret.read_text() == SECRET
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid,
                                                           before.st_mode)
    assert not (box / "var" / "readings.db").is_symlink()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_readings_that_are_a_link_are_not_followed(box, kind):
    """The archive's link would give a file of root to the daemon's user."""
    secret = box / "shadow"
    secret.write_text(SECRET)
    before = secret.stat()
    text = CONFIG.format(site="old", store=box / "var" / "readings.db")
    with tarfile.open(box / "b.tar", "w") as tar:
        for info, data in [member("config/baiye.yaml", text.encode()),
                           member("readings.db", kind=kind, link=str(secret))]:
            tar.addfile(info, data)
    restore(box, code=65)
    assert secret.stat().st_uid == before.st_uid and secret.read_text() == SECRET
    assert not list((box / "var").iterdir())


def test_a_folder_that_is_a_link_is_not_entered(box):
    archive(box, member("config/tls/server.key", b"key"))
    elsewhere = box / "elsewhere"
    elsewhere.mkdir()
    (box / "etc" / "tls").symlink_to(elsewhere)
    restore(box, code=73)
    assert not list(elsewhere.iterdir())
    assert "site: new" in (box / "etc" / "baiye.yaml").read_text()
    assert not (box / "var" / "readings.db").exists()


def test_only_regular_files_of_known_names_come_out(box):
    secret = box / "shadow"
    secret.write_text(SECRET)
    archive(
        box, member("config/root.yaml", b"x", mode=0o6777), member("config/shell", b"#!/bin/sh\n", mode=0o4755),
        member("config/null.yaml", kind=tarfile.CHRTYPE), member("config/sda.key", kind=tarfile.BLKTYPE),
        member("config/pipe.pem", kind=tarfile.FIFOTYPE),
        member("config/users", kind=tarfile.SYMTYPE, link=str(secret)),
        member("config/hard.key", kind=tarfile.LNKTYPE, link=str(secret)),
        member("config/../../above.yaml", b"x"), member("/config/abs.yaml", b"x"),
        member("config/a/b/c.yaml", b"x"), member("config/.hidden.yaml", b"x"),
        member("config/-rf.yaml", b"x"), member("config/new\nline.yaml", b"x"),
        member("config/esc\x1b[2J.yaml", b"x"), member("readings.db-wal", b"x"),
        member("readings.db.months", kind=tarfile.SYMTYPE, link=str(secret)))
    told = restore(box)
    found = everything(box / "etc") | everything(box / "var")
    assert set(found) == {"baiye.yaml", "baiye.yaml.before-restore", "gw.pass", "root.yaml",
                          "readings.db"}
    for name, info in found.items():
        assert stat.S_ISREG(info.st_mode) and not info.st_mode & 0o7111, name
    assert secret.read_text() == SECRET and not (box / "above.yaml").exists()
    assert "shell" in told.stderr and "\x1b" not in told.stderr + told.stdout


@pytest.mark.parametrize("store", ["elsewhere/readings.db", "var/../elsewhere/readings.db",
                                   "var/link/readings.db"])
def test_the_readings_go_below_the_two_folders_or_nowhere(box, store):
    (box / "elsewhere").mkdir()
    (box / "var" / "link").symlink_to(box / "elsewhere")
    archive(box, store=box / store)
    restore(box, "--force", code=78 if "link" not in store else 73)
    assert not list((box / "elsewhere").iterdir())
    assert "site: new" in (box / "etc" / "baiye.yaml").read_text()


@pytest.mark.parametrize("config", ["site: [", "site: old\nnonsense: 1\n", ""])
def test_a_configuration_that_does_not_work_changes_nothing(box, config):
    readings = database(box / "x.db")
    with tarfile.open(box / "b.tar", "w") as tar:
        for info, data in [member("config/baiye.yaml", config.encode()),
                           member("config/gw.pass", b"other"), member("readings.db", readings)]:
            tar.addfile(info, data)
    restore(box, code=78)
    assert set(everything(box / "etc")) == {"baiye.yaml", "gw.pass"}
    assert (box / "etc" / "gw.pass").read_text() == "of the new box"
    assert not list((box / "var").iterdir())


def test_what_is_no_database_is_not_put_in_place(box):
    with tarfile.open(box / "b.tar", "w") as tar:
        text = CONFIG.format(site="old", store=box / "var" / "readings.db")
        for info, data in [member("config/baiye.yaml", text.encode()),
                           member("readings.db", b"no database" * 500)]:
            tar.addfile(info, data)
    restore(box, code=65)
    assert not list((box / "var").iterdir())
    assert "site: new" in (box / "etc" / "baiye.yaml").read_text()


def test_readings_that_are_there_stay_unless_forced(box):
    readings = archive(box)
    (box / "var" / "readings.db").write_bytes(b"of the new box")
    restore(box, code=73)
    assert (box / "var" / "readings.db").read_bytes() == b"of the new box"
    assert "site: new" in (box / "etc" / "baiye.yaml").read_text()
    restore(box, "--force")
    assert (box / "var" / "readings.db").read_bytes() == readings
    assert (box / "var" / "readings.db.before-restore").read_bytes() == b"of the new box"
