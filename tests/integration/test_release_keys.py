# SPDX-License-Identifier: Apache-2.0
"""A build for boards that leave the house takes public keys of its own, and `baiye keys` makes the
file; `baiye sign` and `baiye image` for people."""
import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import garden

TEST_KEYS = garden.ROOT / "firmware/boot/keys/test.c"
BOARD = "stm32f103-rs485"


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def run(*command, **arguments):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, **arguments)


def configure(folder, keys):
    """Exit code of a release's configuration with this key file, and what it said."""
    shutil.rmtree(folder / "build", ignore_errors=True)
    done = run("cmake", "-S", garden.ROOT, "-B", folder / "build", "-G", "Ninja",
               f"--toolchain={garden.ROOT}/boards/cortex-m3.cmake", f"-DBAIYE_BOARD={BOARD}",
               "-DBAIYE_RELEASE=ON", f"-DBAIYE_KEYS={keys}")
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def make_key(folder, name):
    path = folder / f"{name}.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                    path], check=True)
    return path


def test_a_release_refuses_the_test_key_and_takes_others(folder):
    baiye = garden.program("baiye")
    code, text = configure(folder, TEST_KEYS)
    assert code != 0 and "a release needs public keys of its own" in text, text
    renamed = folder / "ours.c"
    # Another name and another layout of the same key.
    renamed.write_text(TEST_KEYS.read_text().replace(", ", ",\n").lower().replace(
        "boot_keys", "BOOT_KEYS"))
    code, text = configure(folder, renamed)
    assert code != 0 and "holds the test key" in text, text
    first, second = make_key(folder, "first"), make_key(folder, "second")
    with_test = run(baiye, "keys", first, garden.ROOT / "firmware/boot/keys/test.pem")
    renamed.write_text(with_test.stdout)
    assert configure(folder, renamed)[0] != 0, "not in the second place either"
    keys = folder / "keys.c"
    done = run(baiye, "keys", first, second)
    assert done.returncode == 0, done.stderr
    keys.write_text(done.stdout)
    code, text = configure(folder, keys)
    assert code == 0, text
    # And it is C that the loader's code takes.
    compiled = run("arm-none-eabi-gcc", "-std=c11", "-Wall", "-Werror", "-I", garden.ROOT, "-c",
                   keys, "-o", folder / "keys.o")
    assert compiled.returncode == 0, compiled.stderr


def test_keys_of_another_kind_are_refused(folder):
    baiye = garden.program("baiye")
    other = folder / "other.pem"
    subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out",
                    other], check=True)
    done = run(baiye, "keys", other)
    assert done.returncode == 65 and "not a P-256 key" in done.stderr, done.stderr
    done = run(baiye, "keys", TEST_KEYS)
    assert done.returncode == 65 and "not a key in PEM" in done.stderr, done.stderr
    assert run(baiye, "keys").returncode == 64


def sign(folder, size, slots, *more):
    program = folder / "program.bin"
    program.write_bytes(bytes(i % 251 for i in range(size)))
    return run(garden.program("baiye"), "sign", "--key",
               garden.ROOT / "firmware/boot/keys/test.pem", "--hardware", "0x42F10301",
               "--version", "1.2.3", "--counter", "1", "--slot-0", f"{program}@{slots[0]:#x}",
               "--slot-1", f"{program}@{slots[1]:#x}", "-o", folder / "image", *more)


def test_an_image_that_does_not_fit_its_slot_is_not_made(folder):
    whole = (0x08004800, 0x08012400)  # 55 KiB each
    half = (0x08004800, 0x0800A400)   # what a 64 KiB part would have
    assert sign(folder, 31 * 1024, whole).returncode == 0
    shown = run(garden.program("baiye"), "image", folder / "image")
    assert shown.returncode == 0 and "version 1.2.3" in shown.stdout, shown.stdout
    told = json.loads(sign(folder, 31 * 1024, whole, "--json").stdout)
    assert told["image"] == str(folder / "image") and told["complaints"] == []
    told = json.loads(run(garden.program("baiye"), "image", folder / "image", "--json").stdout)
    assert [(slot["address"], slot["version"]) for slot in told["slots"]] == [(at, "1.2.3") for at in whole]
    (folder / "image").unlink()
    done = sign(folder, 31 * 1024, half)
    assert done.returncode == 65 and "flash it by wire" in done.stderr, done.stderr
    assert "64 KiB" in done.stderr and not (folder / "image").exists()
    done = sign(folder, 1024, whole[::-1])
    assert done.returncode == 65 and "behind slot 0" in done.stderr, done.stderr
    data = bytearray()
    assert sign(folder, 4096, whole).returncode == 0
    data[:] = (folder / "image").read_bytes()
    for change, words in ((data[:-8], "cut off"), (data[:-1] + b"x", "does not match")):
        (folder / "image").write_bytes(change)
        shown = run(garden.program("baiye"), "image", folder / "image")
        assert shown.returncode == 65 and words in shown.stderr, shown.stderr
