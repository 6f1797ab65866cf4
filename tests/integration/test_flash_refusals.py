# SPDX-License-Identifier: Apache-2.0
"""What `baiye flash` refuses before it touches a chip: images, keys and data files."""
import re
import shutil
import subprocess

import pytest
import yaml

import garden
from bench import BOARD, PROGRAMS, SLOT_0, new_key, sign, sign_command
from boot_rom import PAGE
from flash_fixtures import bench, folder, rom, serial  # noqa: F401


def refused(bench, rom, code, test_key=True):
    done = bench.run(*serial(rom), code=code, test_key=test_key)
    assert rom.commands == []
    return done.stderr


def test_images_for_other_hardware_or_places_are_refused(bench, rom):
    sign(bench.firmware, hardware=0x03850001)
    assert "for hardware 0x03850001" in refused(bench, rom, 65)
    plain = bench.firmware / "plain.bin"
    plain.write_bytes(bytes(4096))  # no vectors: nobody can tell where it is linked for
    sign(bench.firmware, slots=(SLOT_0 + PAGE, SLOT_0 + 60 * PAGE), programs=(plain, plain))
    assert "linked for 0x08004C00" in refused(bench, rom, 65)


def test_the_programs_of_two_slots_that_are_swapped_are_refused(bench, rom, folder):
    """Each is linked for its own place: the other one would be flashed, verified and never start."""
    done = subprocess.run(sign_command(folder, "swapped.img", programs=PROGRAMS[::-1]),
                          capture_output=True, text=True)
    assert done.returncode == 65 and "swapped" in done.stderr and "slot 0" in done.stderr
    assert not (folder / "swapped.img").exists()


def test_the_test_key_is_for_the_bench_only(bench, rom, folder):
    assert "anybody's firmware" in refused(bench, rom, 77, test_key=False)
    _, point = new_key(folder, "release.pem")
    bench.loader_with_key(point)
    assert "signed with the test key" in refused(bench, rom, 77, test_key=False)


def test_an_image_that_the_loader_would_never_start_is_refused(bench, rom, folder):
    release, point = new_key(folder, "release.pem")
    other, _ = new_key(folder, "other.pem")
    bench.loader_with_key(point)
    sign(bench.firmware, key=other)
    assert "never start" in refused(bench, rom, 77, test_key=False)
    sign(bench.firmware, key=release, key_number=1)
    assert "never start" in refused(bench, rom, 77, test_key=False)
    sign(bench.firmware, key=release)
    bench.run(*serial(rom), test_key=False)


def test_damaged_files_are_refused(bench, rom):
    image = bench.firmware / "baiye-node.img"
    whole = image.read_bytes()
    image.write_bytes(whole[:3000])
    assert "is cut off" in refused(bench, rom, 65)
    image.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    assert "does not match its header" in refused(bench, rom, 65)
    image.write_bytes(whole)
    loader = bench.firmware / "baiye-boot.bin"
    shutil.copy(garden.ROOT / "build/mps2-an385/bin/baiye-boot.bin", loader)
    assert "not a boot loader for" in refused(bench, rom, 65)
    loader.unlink()
    assert "No such file" in refused(bench, rom, 66)


def test_a_board_that_nobody_knows(bench):
    done = bench.run(board="stm32f4-disco", code=78)
    assert f"there is {BOARD}" in done.stderr
    done = bench.run(board="../" + BOARD, code=78)
    assert f"there is {BOARD}" in done.stderr


@pytest.mark.parametrize("old, new, at, words", [
    ("hardware:", "hardwear:", "hardware:",
     "unknown key \"hardwear\" in the board; did you mean \"hardware\"?"),
    ("size: 15KiB", "size: 99KiB", "at: 134217728", "boot and factory lie in one another"),
    ("size: 55KiB", "size: 155KiB", "at: 134236160", "outside of the flash"),
    ("at: 134236160", "at: 134236161", "at: 134236160", "no begin of a page"),
    ("kind: serial", "kind: parallel", "kind: serial",
     "\"parallel\" is unknown; write one of openocd, st-link"),
    ("kind: openocd", "kind: dfu", "kind: openocd", "more; add for example"),
    ("id: 1040", "id: many", "id: 1040", "\"many\" is not a whole number"),
])
def test_mistakes_in_a_data_file_are_named_with_their_line(bench, rom, old, new, at, words):
    path = bench.boards / BOARD / "flash.yaml"
    text = path.read_text()
    assert text.count(old) == 1 and at in text
    path.write_text(text.replace(old, new))
    line = text[:text.index(at)].count("\n") + 1
    error = refused(bench, rom, 78)
    assert words in error and f"flash.yaml:{line}:" in error, (line, error)


@pytest.mark.parametrize("text, words", [
    ("- { channel: soil_moistures, points: [[1, 2]] }\n", ":1: channel: \"soil_moistures\""),
    ("- channel: soil_moisture\n  points: [[5, 1], [5, 2]]\n", ":2: points are pairs"),
    ("channel: soil_moisture\n", ":1: calibration must be a list")])
def test_mistakes_in_a_calibration_are_named_with_their_line(bench, rom, folder, text, words):
    (folder / "piece.yaml").write_text(text)
    done = bench.run(*serial(rom), "--calibration", folder / "piece.yaml", code=78)
    assert "piece.yaml" + words in done.stderr and rom.commands == []


def test_the_data_file_agrees_with_the_linker_scripts():
    """The map is told twice, in two languages."""
    board = garden.ROOT / "boards" / BOARD
    data = yaml.safe_load((board / "flash.yaml").read_text())

    def origin(name):
        text = (board / "boot" / name).read_text()
        return int(re.search(r"ORIGIN = (0x08[0-9A-F]+)", text).group(1), 16), text
    at, text = origin("memory.ld")
    assert at == data["boot"]["at"] and "LENGTH = 15K" in text and data["boot"]["size"] == "15KiB"
    for slot, name in enumerate(("slot-0.ld", "slot-1.ld")):
        at, text = origin(name)
        assert f"ld_factory_page = {data['factory']['at']:#010x}".replace("0x0", "0x0") \
            .lower() in text.lower()
        if slot == data["image"]["slot"]:
            assert at - 512 == data["image"]["at"]
    text = (board / "flash.c").read_text()
    assert f"{data['hardware']:#X}".replace("0X", "0x") in text
