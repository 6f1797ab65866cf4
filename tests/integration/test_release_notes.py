# SPDX-License-Identifier: Apache-2.0
"""The notes of a release: a farm finds out with the key that is on its gateway whether notes, packages
and images are those that were released."""
import re
import subprocess

import pytest

import garden

VERSION = re.match(r"baiye \(([^)]+)\)", (garden.ROOT / "gateway/packaging/debian/changelog").read_text()).group(1)


def run(*command, **more):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, **more)


@pytest.fixture
def release(tmp_path):
    """A folder as tools/package and tools/firmware leave it, and a key."""
    for name in (f"packages/bookworm/baiye_{VERSION}+deb12_arm64.deb",
                 f"packages/trixie/baiye_{VERSION}+deb13_armhf.deb",
                 "packages/bookworm/baiye_0.0.9+deb12_arm64.deb", "firmware/board/baiye-node.img"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"this is {name}")
    key = tmp_path / "key.pem"
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key, check=True)
    with open(tmp_path / "firmware-keys.pem", "w", encoding="ascii") as public:
        public.write(run("openssl", "pkey", "-in", key, "-pubout", check=True).stdout)
    return tmp_path


def make(release, key="key.pem", *more):
    return run(garden.ROOT / "tools/release-notes", "--key", release / key, "--build", release,
               "--out", release / "out", *more)


def verify(release):
    notes = release / f"out/baiye-{VERSION}.txt"
    return run("openssl", "dgst", "-sha256", "-verify", release / "firmware-keys.pem", "-signature",
               f"{notes}.sig", notes).returncode == 0


def test_the_notes_are_signed_and_name_what_was_released(release):
    done = make(release, "key.pem", "--not-tested", "a box of metal")
    assert done.returncode == 0, done.stderr
    notes = release / f"out/baiye-{VERSION}.txt"
    text = notes.read_text()
    assert re.match(rf"Baiye {VERSION}, \d+ \w+ 20\d\d\n", text) and "Not tested: a box of metal\n" in text, text
    assert re.search(r"mended at least until \d+ \w+ 20\d\d\.", text) and "0.0.9" not in text, text
    assert verify(release)
    # What was fetched is what was released; what was not fetched is not asked for.
    fetched = release / "packages/bookworm"
    check = ("sha256sum", "--check", "--ignore-missing", notes)
    done = run(*check, cwd=fetched)
    assert done.returncode == 0 and done.stdout == f"baiye_{VERSION}+deb12_arm64.deb: OK\n", done.stdout + done.stderr
    assert run(*check, cwd=release / "firmware").stdout == "board/baiye-node.img: OK\n"
    (fetched / f"baiye_{VERSION}+deb12_arm64.deb").write_text("another")
    assert run(*check, cwd=fetched).returncode != 0
    notes.write_text(text.replace("metal", "wood"))
    assert not verify(release)


def test_the_test_key_signs_no_release(release):
    (release / "test.pem").write_text((garden.ROOT / "firmware/boot/keys/test.pem").read_text())
    done = make(release, "test.pem")
    assert done.returncode == 77 and "the test key, which everybody has" in done.stderr, done.stderr
    assert not (release / "out").exists()


def test_notes_without_a_package_are_not_made(release):
    for package in (release / "packages").glob(f"*/*{VERSION}*"):
        package.unlink()
    done = make(release)
    assert done.returncode == 66 and "tools/package" in done.stderr, done.stderr
