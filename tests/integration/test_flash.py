# SPDX-License-Identifier: Apache-2.0
"""`baiye flash` from a blank chip to a label: the real stm32flash against the boot loader of an
STM32F103's ROM, the other tools by their exact command lines, and every way in which it goes
wrong."""
import ctypes
import fcntl
import json
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import zlib

import pytest

import garden
from bench import BOARD, FLASH, SLOT_0, FlashedBoard
from boot_rom import BootRom
from flash_fixtures import (UNIQUE, bench, boots, expected, factory_page, folder,  # noqa: F401
                            rom, serial)


def test_a_blank_chip_becomes_a_tested_and_labelled_node(bench, rom, folder):
    (folder / "piece.yaml").write_text(
        "- { channel: soil_moisture, date: 20261122, operator: 7, points: [[1800, 0], [3000, 45.5]"
        "] }\n")
    board = FlashedBoard(folder, rom)
    try:
        done = bench.run(*serial(rom, "--port", board.port, "--calibration",
                                 folder / "piece.yaml"))
    finally:
        board.close()
    table = struct.pack(">IHB", 20261122, 7, 2) + struct.pack(">iiii", 1800, 0, 3000, 4550)
    tables = bytes(2 * 47) + table.ljust(47, b"\0") + bytes(7 * 47)
    assert rom.flash.data == expected(bench, factory_page(1, tables))
    assert rom.line_errors == 0 and rom.flash.violations == 0 and rom.started == FLASH
    assert boots(folder, rom.flash.data) == "slot 0 trial 0 serial 00000001"
    for check in ("answer", "serial       0000-0001-2", "image        1.2.3 in slot 0",
                  "calibration  1 of 1", "memory", "sensors      all answer"):
        assert f"ok   {check}" in done.stdout.replace("  ok ", "ok "), done.stdout
    assert "FAIL" not in done.stdout
    assert "No. 0000-0001-2" in done.stdout and "▀" in done.stdout
    row = bench.rows()[0]
    assert row[:4] == ["0000-0001-2", BOARD, UNIQUE, "1.2.3"] and row[6] == "passed"
    assert bench.register.read_text().startswith("serial,board,chip,version,image,flashed,result\n")


def test_the_label_holds_a_code_that_says_who_it_is(bench, rom):
    done = bench.run(*serial(rom, "--serial", "2a"))
    assert "Not tested over its bus" in done.stdout
    width, rows = read_png(bench.label)
    wanted = qr_modules(f"baiye:0000002A:{BOARD}:{UNIQUE}")
    side = len(wanted)
    left, top = (width - side * 8) // 2, 4 * 8
    found = [[rows[top + 8 * y + 4][left + 8 * x + 4] == 0 for x in range(side)]
             for y in range(side)]
    assert found == wanted
    assert all(value == 255 for value in rows[top - 4])  # quiet zone
    assert any(value == 0 for row in rows[top + side * 8 + 32:] for value in row)  # text
    read = subprocess.run(["zbarimg", "--quiet", "--raw", bench.label], capture_output=True, text=True, timeout=60)
    assert read.stdout == f"baiye:0000002A:{BOARD}:{UNIQUE}\n", read.stderr
    # By the app's own reader too, from the picture as it is printed.
    decoded = subprocess.run(["node", "--input-type=module", "-e", READ], input=picture_json(width, rows), cwd=garden.ROOT,
                             capture_output=True, text=True, timeout=60)
    assert decoded.stdout == read.stdout.strip(), decoded.stderr


READ = """
import decode from './gateway/app/node_modules/qr/decode.js';
let text = '';
for await (const piece of process.stdin) text += piece;
const { width, height, grey } = JSON.parse(text);
process.stdout.write(decode({ width, height, data: Uint8Array.from(grey.flatMap((v) => [v, v, v, 255])) }));
"""


def picture_json(width, rows):
    return json.dumps({"width": width, "height": len(rows), "grey": [value for row in rows for value in row]})


def read_png(path):
    """Width and rows of an 8 bit grey picture."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", body)
            assert (depth, colour) == (8, 0)
        packed += body if kind == b"IDAT" else b""
        at += 12 + size
    raw, rows, above = zlib.decompress(packed), [], bytes(width)
    for y in range(height):
        kind, line = raw[y * (width + 1)], bytearray(raw[y * (width + 1) + 1:(y + 1) *
                                                        (width + 1)])
        for x in range(width):
            a, b, c = line[x - 1] if x else 0, above[x], above[x - 1] if x else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[x] = line[x] + (0, a, b, (a + b) // 2, paeth)[kind] & 255
        above = bytes(line)
        rows.append(above)
    return width, rows


def qr_modules(text):
    class Code(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("width", ctypes.c_int),
                    ("data", ctypes.POINTER(ctypes.c_ubyte))]
    library = ctypes.CDLL("libqrencode.so.4")
    library.QRcode_encodeString8bit.restype = ctypes.POINTER(Code)
    code = library.QRcode_encodeString8bit(text.encode(), 0, 1).contents
    return [[bool(code.data[y * code.width + x] & 1) for x in range(code.width)]
            for y in range(code.width)]


# ---- what may be wrong with chip, adapter and line ----------------------------------------------


def test_another_chip_is_left_alone(bench):
    rom = BootRom(device_id=0x414)
    try:
        done = bench.run(*serial(rom), code=65)
    finally:
        rom.close()
    assert "no STM32F103CB: the chip's id is 0x414" in done.stderr
    assert rom.flash.erased == 0 and rom.writes == 0 and not bench.register.exists()


def test_a_protected_chip_is_explained_and_left_alone(bench, rom):
    rom.protected = True
    done = bench.run(*serial(rom), code=77)
    assert "ERASES" in done.stderr and f"stm32flash -b 115200 -k {rom.port}" in done.stderr
    assert rom.flash.erased == 0 and rom.protected and not bench.register.exists()


def test_pages_protected_against_writing_are_told_apart(bench, rom):
    rom.write_protected = True
    done = bench.run(*serial(rom), code=77)
    assert "protected against writing" in done.stderr and "stm32flash -u" in done.stderr
    assert bench.rows()[0][6] == "not written"


def test_what_reads_back_otherwise_fails(bench, rom):
    rom.flip_at = SLOT_0 + 0x1234
    done = bench.run(*serial(rom), code=74)
    assert "does not hold what was written" in done.stderr
    assert "half written" in done.stderr and bench.rows()[0][6] == "not written"
    assert not bench.label.exists() and rom.started is None
    rom.flip_at = None  # and once more, on the same chip: its number stays
    bench.run(*serial(rom))
    assert bench.rows() == [[*bench.rows()[0][:6], "written"]]
    assert bench.rows()[0][0] == "0000-0001-2"


def test_a_chip_that_falls_silent_midway_is_told(bench, rom):
    rom.silent_after = 40
    done = bench.run(*serial(rom), code=74)
    assert "stm32flash failed" in done.stderr and "half written" in done.stderr
    assert "Failed to read ACK byte" in done.stderr  # the tool's own words


def test_nothing_at_the_adapter_is_told(bench, rom):
    rom.started = FLASH  # its program runs: no boot loader listens
    done = bench.run(*serial(rom), code=69)
    assert "does not answer" in done.stderr and "BOOT0 up" in done.stderr


def test_an_adapter_that_is_not_there(bench, folder):
    done = bench.run("--probe", "serial", "--adapter", folder / "ttyUSB9", code=75)
    assert "not plugged in" in done.stderr


@pytest.mark.parametrize("which", ["--adapter", "--port"])
def test_a_port_that_another_program_holds(bench, rom, folder, which):
    shutil.copy("/usr/bin/sleep", folder / "baiyed")
    with open(rom.port, "r+b", buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        holder = subprocess.Popen([folder / "baiyed", "60"], pass_fds=[port.fileno()])
    other = BootRom()
    try:
        more = ("--adapter", rom.port) if which == "--adapter" else (
            "--adapter", other.port, "--port", rom.port)
        done = bench.run("--probe", "serial", *more, code=75)
    finally:
        holder.kill()
        holder.wait()
        other.close()
    assert "is held by baiyed" in done.stderr and "systemctl stop baiyed" in done.stderr
    assert rom.commands == [] and other.commands == []


def test_ctrl_c_ends_the_tool_and_says_how_the_board_is(bench, rom):
    rom.write_delay_s = 0.05
    running = subprocess.Popen(bench.arguments(*serial(rom), "--test-key"), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=bench.environment())
    garden.wait_until(lambda: rom.writes >= 5, 20, "it writes")
    running.send_signal(signal.SIGINT)
    errors = running.communicate(timeout=120)[1]
    assert running.returncode == 130, errors
    assert "stopped: the board is blank or half written" in errors
    writes = rom.writes
    assert writes < 150 and bench.rows()[0][6] == "not written"


def test_a_board_that_does_not_answer_after_flashing(bench, rom, folder):
    board = FlashedBoard(folder, rom)
    board.rom = BootRom()  # whose start never comes
    try:
        done = bench.run(*serial(rom, "--port", board.port, "--wait", "1"), code=1)
    finally:
        board.close()
        board.rom.close()
    assert "nothing from unit 247" in done.stdout and "did not pass" in done.stderr
    assert bench.rows()[0][6] == "failed: answer" and not bench.label.exists()


def test_checks_that_fail_are_named(bench, rom, folder):
    board = FlashedBoard(folder, rom, sensors=False, slots=False)
    try:
        done = bench.run(*serial(rom, "--port", board.port), code=1)
    finally:
        board.close()
    assert "FAIL image" in done.stdout and "FAIL sensors" in done.stdout
    assert bench.rows()[0][6] == "failed: image"


# ---- tools and probes ---------------------------------------------------------------------------


def test_a_tool_that_is_missing_is_named_with_its_package(bench):
    (bench.tools / "stm32flash").unlink()
    assert "apt install stm32flash" in bench.run("--probe", "serial", "--adapter", "/dev/null",
                                                 code=69).stderr
    assert "apt install openocd" in bench.run("--probe", "openocd", code=69).stderr
    assert "apt install stlink-tools" in bench.run("--probe", "st-link", code=69).stderr
    everything = bench.run(code=69).stderr
    for package in ("openocd", "stlink-tools", "stm32flash"):
        assert f"apt install {package}" in everything


def test_dry_run_prints_the_commands_and_touches_nothing(bench, rom):
    done = bench.run(*serial(rom, "--dry-run", "--port", "/dev/ttyUSB7"))
    assert [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")] == [
        f"stm32flash -b 115200 {rom.port}",
        f"stm32flash -b 115200 -r unique.bin -S 0x1FFFF7E8:12 {rom.port}",
        f"stm32flash -b 115200 -o {rom.port}",
        f"stm32flash -b 115200 -w flash.bin -v -e 0 -S 0x08000000 {rom.port}",
        f"stm32flash -b 115200 -g 0x08000000 {rom.port}"]
    assert "serial number 0000-0001-2" in done.stdout and "/dev/ttyUSB7" in done.stdout
    written = re.search(r"# boot loader (\S+), image (\S+)", done.stdout)
    assert written and all(pathlib.Path(one).is_file() for one in written.groups()), done.stdout
    assert rom.commands == [] and not bench.register.exists()


# ---- serial numbers -----------------------------------------------------------------------------


def other_rom(last):
    return BootRom(unique_id=bytes(range(0x31, 0x3C)) + bytes([last]))


def test_each_chip_has_one_number_and_keeps_it(bench, rom):
    second = other_rom(0x99)
    try:
        bench.run(*serial(rom, "--serial", "0000000F"))
        bench.run(*serial(second))  # the next free one
        rom.reset()
        told = json.loads(bench.run(*serial(rom), "--json").stdout)  # its own again
        assert (told["serial"], told["chip"], told["firmware"]) == ("0000-000F-D", UNIQUE, "1.2.3"), told
        assert told["label"] == str(bench.label) and told["complaints"] == []
        assert [row[0] for row in bench.rows()] == ["0000-000F-D", "0000-0010-4"]
        second.reset()
        refused = bench.run(*serial(second, "--serial", "f"), code=65)
        assert "0000-000F-D is in" in refused.stderr and UNIQUE in refused.stderr
        assert second.flash.data[0x3C00:0x3C00 + 16] != bytes([255] * 16)  # as it was
        refused = bench.run(*serial(second, "--serial", "20"), code=65)
        assert "this chip is in" in refused.stderr and "0000-0010-4" in refused.stderr
        bench.run(*serial(second, "--serial", "f", "--replace"))
        assert [row[0] for row in bench.rows()] == ["0000-000F-D"]
        assert bench.rows()[0][2] != UNIQUE
    finally:
        second.close()


def test_two_benches_never_give_the_same_number(bench, folder):
    roms = [other_rom(last) for last in range(0x40, 0x44)]
    try:
        running = [subprocess.Popen(bench.arguments(*serial(rom), "--test-key", "--label",
                                                    folder / f"{i}.png"),
                                    env=bench.environment(), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)
                   for i, rom in enumerate(roms)]
        for child in running:
            assert child.wait(120) == 0, child.stderr.read()
            child.stderr.close()
    finally:
        for rom in roms:
            rom.close()
    assert sorted(row[0] for row in bench.rows()) == ["0000-0001-2", "0000-0002-4", "0000-0003-6", "0000-0004-8"]
    assert len({row[2] for row in bench.rows()}) == 4


def test_lines_and_columns_of_others_stay(bench, rom):
    bench.register.write_bytes(
        b"\xef\xbb\xbfserial,board,chip,version,image,flashed,result,plot\r\n"
        b"00000005,other,AABB,1.0.0,00,2026-01-01T00:00:00Z,passed,upper terrace\r\n"
        b"\"00000006\"," + BOARD.encode() + b"," + UNIQUE.encode() +
        b",1.0.0,00,2026-01-01T00:00:00Z,passed,by the well\r\n")
    bench.run(*serial(rom))
    lines = bench.register.read_text().splitlines()
    assert lines[0].endswith("result,plot") and lines[1].endswith("passed,upper terrace")
    assert lines[2].startswith(f"0000-0006-C,{BOARD},{UNIQUE},1.2.3,")
    assert lines[2].endswith(",written,by the well") and len(lines) == 3


@pytest.mark.parametrize("line, words", [
    ("6,b,c,v,i,f,r", ":2: \"6\" is no serial number"),
    ("0000-0006-D,b,c,v,i,f,r", ":2: \"0000-0006-D\" is no serial number"),
    ("00000006", ":2: \"00000006\" is no line of a register"),
    ("00000006,b,c,v,i,f,r\n0000-0006-C,b,d,v,i,f,r", ":3: serial number 0000-0006-C stands twice")])
def test_a_register_that_makes_no_sense_stops_it(bench, rom, line, words):
    text = "serial,board,chip,version,image,flashed,result\n" + line + "\n"
    bench.register.write_text(text)
    assert words in bench.run(*serial(rom), code=73).stderr
    assert rom.flash.erased == 0 and bench.register.read_text() == text


def test_a_file_that_is_no_register_is_left_alone(bench, rom):
    bench.register.write_text("name,price\ntea,3\n")
    assert ":1: not a register" in bench.run(*serial(rom), code=73).stderr
    assert bench.register.read_text() == "name,price\ntea,3\n" and rom.flash.erased == 0


@pytest.mark.parametrize("number", ["0", "FFFFFFFF", "123456789", "-1", "xyz"])
def test_serial_numbers_that_can_not_be(bench, number):
    assert "has up to 8 digits 0-9, A-F" in bench.run("--serial", number, code=64).stderr
