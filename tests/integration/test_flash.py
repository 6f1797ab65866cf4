# SPDX-License-Identifier: Apache-2.0
"""`baiye flash` from a blank chip to a label: the real stm32flash against the boot loader of an
STM32F103's ROM, the other tools by their exact command lines, and every way in which it goes
wrong."""
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import zlib

import pytest

import garden
from bench import (BOARD, FACTORY, FLASH, SLOT_0, Bench, DebugPort, FlashedBoard, PROGRAMS, new_key,
                   sign, sign_command, work_folder)
from boot_rom import BootRom, PAGE

UNIQUE = "3132333435363738393A3B3C"
PARITY = garden.BUILD / "lib" / "pty-parity.so"


@pytest.fixture
def folder():
    path = work_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def bench(folder):
    made = Bench(folder)
    made.real("stm32flash", PARITY)
    return made


@pytest.fixture
def rom():
    made = BootRom()
    yield made
    made.close()


def serial(rom, *more):
    return ("--probe", "serial", "--adapter", rom.port, *more)


def boots(folder, data):
    """What the boot loader's own code makes of a flash."""
    path = folder / "dump"
    path.write_bytes(data)
    return subprocess.run([garden.program("flash-boots"), path], check=True, capture_output=True,
                          text=True).stdout.strip()


def expected(bench, page):
    """The whole flash, put together without the program under test."""
    data = bytearray(b"\xff" * (128 * 1024))
    image = (bench.firmware / "baiye-node.img").read_bytes()
    offset, size = struct.unpack_from(">II", image, 8)
    for at, part in ((FLASH, (bench.firmware / "baiye-boot.bin").read_bytes()), (FACTORY, page),
                     (SLOT_0, image[offset:offset + size])):
        data[at - FLASH:at - FLASH + len(part)] = part
    return bytes(data)


def factory_page(number, tables=bytes(470)):
    head = b"BYP1\x01\x00" + struct.pack(">HII", len(tables), 0x42F10301, number) + tables
    return head + struct.pack(">I", zlib.crc32(head))


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
    assert row[:4] == ["00000001", BOARD, UNIQUE, "1.2.3"] and row[6] == "passed"
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
    assert bench.rows()[0][0] == "00000001"


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
    errors = running.communicate(timeout=20)[1]
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


def test_the_first_probe_that_is_there_is_taken(bench, rom):
    bench.tool("openocd", "echo 'Error: open failed' >&2; exit 1")
    bench.tool("st-info", "echo 'Found 0 stlink programmers'")
    bench.tool("st-flash", "exit 1")
    bench.run("--adapter", rom.port)
    assert [call[0] for call in bench.calls_made()[:3]] == ["openocd", "st-info", "stm32flash"]
    assert rom.started == FLASH


@pytest.mark.parametrize("name, program, looks", [
    ("openocd", "openocd", ["openocd"]), ("st-link", "st-flash", ["st-info"]),
    ("dfu", "dfu-util", ["dfu-util"])])
def test_the_real_programs_without_a_probe_end_in_a_clear_error(bench, name, program, looks):
    """What they print and how they end is theirs; nothing is plugged in here."""
    plugged = [path for path in pathlib.Path("/sys/bus/usb/devices").glob("*/idVendor")
               if path.read_text().strip() == "0483"]
    assert not plugged, "unplug the probes and the parts of ST's: this is about having none"
    if name == "dfu":
        dfu_bench(bench)
    for tool in (program, *looks):
        bench.real(tool)
    said = bench.run("--probe", name, code=69).stderr
    assert "not found" in said and "plug it in" in said, said
    assert [call[0] for call in bench.calls_made()] == looks, "nothing was tried after that"
    assert not bench.register.exists()


OPENOCD = r'''
case "$*" in
*baiye-id*) echo "baiye-id 0x20036410"; echo "baiye-protection %s"; echo "baiye-unique \
0x34333231 0x38373635 0x3c3b3a39";;
*verify_image*) %s;;
esac
'''


def openocd_call(*commands):
    call = ["openocd", "-f", "interface/stlink.cfg", "-f", "target/stm32f1x.cfg"]
    for command in ("init", "reset halt", *commands, "shutdown"):
        call += ["-c", command]
    return call


def test_openocd_is_called_so(bench):
    bench.tool("openocd", OPENOCD % ("0x3fffffc", "exit 0"))
    bench.run("--probe", "openocd")
    calls = bench.calls_made()
    file = calls[1][-3].split("{")[1].split("}")[0]
    assert calls == [
        openocd_call('echo "baiye-id [read_memory 0xE0042000 32 1]"',
                     'echo "baiye-protection [read_memory 0x4002201C 32 1]"',
                     'echo "baiye-unique [read_memory 0x1FFFF7E8 32 3]"'),
        openocd_call("flash erase_sector 0 0 last", f"flash write_image {{{file}}} 0x08000000 bin"),
        openocd_call(f"verify_image {{{file}}} 0x08000000 bin"),
        openocd_call("reset run")]
    assert bench.rows()[0][2] == UNIQUE and not os.path.exists(file)


def test_openocd_finds_protection_and_mismatch(bench):
    bench.tool("openocd", OPENOCD % ("0x3fffffe", "exit 0"))
    done = bench.run("--probe", "openocd", code=77)
    assert "stm32f1x unlock 0" in done.stderr and "ERASES" in done.stderr
    bench.tool("openocd", OPENOCD % ("0x3fffffc", "echo 'checksum mismatch' >&2; exit 1"))
    assert "does not hold" in bench.run("--probe", "openocd", code=74).stderr


def small_program(bench):
    """A board without a boot loader: by this adapter OpenOCD needs 2 ms for each half-word, and a
    minute for a whole board."""
    program = struct.pack("<II", 0x20001000, FLASH + 0x101) + bytes(range(256)) * 5
    (bench.firmware / "program.bin").write_bytes(program)
    del bench.data["boot"]
    bench.data["image"] = {"at": FLASH, "size": "2KiB", "file": "program.bin"}
    bench.data["factory"]["at"] = FLASH + 2 * PAGE
    data = bytearray(b"\xff" * (128 * 1024))
    page = factory_page(1)
    data[:len(program)] = program
    data[2 * PAGE:2 * PAGE + len(page)] = page
    return bytes(data)


@pytest.fixture
def debug_port(bench):
    made = []

    def make(*options):
        made.append(DebugPort(bench, *options))
        return made[-1]
    yield make
    for port in made:
        port.close()


@pytest.mark.parametrize("whole", [False, True] if garden.FULL else [False])
def test_the_real_openocd_writes_verifies_and_starts_it(bench, debug_port, folder, whole):
    wanted = expected(bench, factory_page(1)) if whole else small_program(bench)
    port = debug_port()
    done = bench.run()
    assert port.flash.read_bytes() == wanted
    assert port.runs() == 1 and bench.rows()[0][2] == UNIQUE
    assert not whole or boots(folder, wanted) == "slot 0 trial 0 serial 00000001"
    assert "chip " + UNIQUE in done.stdout


def test_the_real_openocd_leaves_wrong_and_protected_chips_alone(bench, debug_port):
    small_program(bench)
    port = debug_port("id=0x20036414")
    assert "id is 0x414" in bench.run(code=65).stderr
    assert port.flash.read_bytes() == port.before
    port.close()
    port.socket.unlink()
    assert "openocd: not found" in bench.run(code=69).stderr  # nobody at the socket
    port = debug_port("protected=1")
    done = bench.run(code=77)
    assert "ERASES" in done.stderr and "stm32f1x unlock 0" in done.stderr
    assert port.flash.read_bytes() == port.before and not bench.register.exists()


def test_the_real_openocd_finds_a_worn_cell_and_a_dead_chip(bench, debug_port):
    small_program(bench)
    port = debug_port(f"worn={FLASH + 0x1F8}")
    done = bench.run(code=74)
    assert "does not hold what was written" in done.stderr and "diff 0" in done.stderr
    assert port.runs() == 0 and bench.rows()[0][6] == "not written"
    port.close()
    port.socket.unlink()
    debug_port("dead=1")
    assert "the chip does not answer" in bench.run(code=69).stderr


ST_FLASH = r'''
[ "$1" = --serial ] && shift 2
case "$1" in
write) cp "$2" "%s/chip";;
read)
    case "$3" in
    0x4002201C) printf '\%s\377\377\003' >"$2";;
    0x1FFFF7E8) printf '123456789:;<' >"$2";;
    *) head -c $(($4)) "%s/chip" >"$2";;
    esac;;
esac
'''
ST_INFO = "echo 'Found 1 stlink programmers'; echo '  chipid:     0x%s'"


def test_st_flash_is_called_so(bench, folder):
    bench.tool("st-info", ST_INFO % "410")
    bench.tool("st-flash", ST_FLASH % (folder, "374", folder))
    bench.run("--probe", "st-link", "--adapter", "066DFF3837344E")
    calls = bench.calls_made()
    begin = ["st-flash", "--serial", "066DFF3837344E"]
    place = os.path.dirname(calls[1][4])
    size = f"0x{(folder / 'chip').stat().st_size:X}"
    assert calls == [
        ["st-info", "--probe"],
        [*begin, "read", f"{place}/protection.bin", "0x4002201C", "0x4"],
        [*begin, "read", f"{place}/unique.bin", "0x1FFFF7E8", "0xC"],
        [*begin, "erase"],
        [*begin, "write", f"{place}/flash.bin", "0x08000000"],
        [*begin, "read", f"{place}/back.bin", "0x08000000", size],
        [*begin, "reset"]]


def test_st_flash_finds_wrong_chip_protection_and_mismatch(bench, folder):
    bench.tool("st-flash", ST_FLASH % (folder, "374", folder))
    bench.tool("st-info", ST_INFO % "414")
    assert "id is 0x414" in bench.run("--probe", "st-link", code=65).stderr
    bench.tool("st-info", ST_INFO % "410")
    bench.tool("st-flash", ST_FLASH % (folder, "376", folder))
    assert "ERASES" in bench.run("--probe", "st-link", code=77).stderr
    bench.tool("st-flash", (ST_FLASH % (folder, "374", folder)).replace(
        'cp "$2"', 'tr "\\000" "\\001" <"$2" >'))
    assert "does not hold" in bench.run("--probe", "st-link", code=74).stderr


DFU = r'''
case "$*" in
*" -l") echo 'Found DFU: [0483:df11] ver=2200, devnum=9, cfg=1, intf=0, path="1-1", alt=1, name="@Option Bytes  /0x1FFFF800/01*016 e", serial="337f366b3231"'
   echo 'Found DFU: [0483:df11] ver=2200, devnum=9, cfg=1, intf=0, path="1-1", alt=0, name="@Internal Flash  /%s", serial="337f366b3231"';;
*" -D "*) for a in "$@"; do last=$a; done; cp "$last" "%s/chip";;
*" -U "*) for a in "$@"; do last=$a; done; %s;;
esac
'''
DFU_MEMORY = "0x08000000/064*0002Kg"


def dfu_bench(bench):
    bench.data["probes"] = [{"kind": "dfu", "usb": "0483:df11",
                             "memory": f"@Internal Flash  /{DFU_MEMORY}"}]
    bench.write_data()


def test_dfu_util_is_called_so(bench, folder):
    dfu_bench(bench)
    bench.tool("dfu-util", DFU % (DFU_MEMORY, folder, f'cp "{folder}/chip" "$last"'))
    bench.run()
    calls = bench.calls_made()
    begin = ["dfu-util", "-d", "0483:df11"]
    place = os.path.dirname(calls[1][-1])
    size = (folder / "chip").stat().st_size
    assert calls == [
        [*begin, "-l"],
        [*begin, "-a", "0", "-s", "0x08000000:mass-erase:force", "-D", f"{place}/flash.bin"],
        [*begin, "-a", "0", "-s", f"0x08000000:{size}", "-U", f"{place}/back.bin"],
        [*begin, "-a", "0", "-s", "0x08000000:64:leave", "-U", f"{place}/start.bin"]]
    assert bench.rows()[0][2] == "337F366B3231"


def test_dfu_util_finds_no_device_wrong_memory_and_mismatch(bench, folder):
    dfu_bench(bench)
    bench.tool("dfu-util", "echo 'dfu-util 0.11'")
    assert "plug it in" in bench.run(code=69).stderr
    bench.tool("dfu-util", DFU % ("0x08000000/04*016Kg", folder, "exit 0"))
    assert "it calls itself" in bench.run(code=65).stderr
    bench.tool("dfu-util", DFU % (DFU_MEMORY, folder, 'tr "\\000" "\\001" <"%s/chip" >"$last"' %
                                  folder))
    assert "does not hold" in bench.run(code=74).stderr


def test_dry_run_prints_the_commands_and_touches_nothing(bench, rom):
    done = bench.run(*serial(rom, "--dry-run", "--port", "/dev/ttyUSB7"))
    assert [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")] == [
        f"stm32flash -b 115200 {rom.port}",
        f"stm32flash -b 115200 -r unique.bin -S 0x1FFFF7E8:12 {rom.port}",
        f"stm32flash -b 115200 -o {rom.port}",
        f"stm32flash -b 115200 -w flash.bin -v -e 0 -S 0x08000000 {rom.port}",
        f"stm32flash -b 115200 -g 0x08000000 {rom.port}"]
    assert "serial number 0000-0001-2" in done.stdout and "/dev/ttyUSB7" in done.stdout
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
        bench.run(*serial(rom))  # its own again
        assert [row[0] for row in bench.rows()] == ["0000000F", "00000010"]
        second.reset()
        refused = bench.run(*serial(second, "--serial", "f"), code=65)
        assert "0000000F is in" in refused.stderr and UNIQUE in refused.stderr
        assert second.flash.data[0x3C00:0x3C00 + 16] != bytes([255] * 16)  # as it was
        refused = bench.run(*serial(second, "--serial", "20"), code=65)
        assert "this chip is in" in refused.stderr and "00000010" in refused.stderr
        bench.run(*serial(second, "--serial", "f", "--replace"))
        assert [row[0] for row in bench.rows()] == ["0000000F"]
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
    assert sorted(row[0] for row in bench.rows()) == [f"{n:08X}" for n in range(1, 5)]
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
    assert lines[2].startswith(f"00000006,{BOARD},{UNIQUE},1.2.3,")
    assert lines[2].endswith(",written,by the well") and len(lines) == 3


@pytest.mark.parametrize("line, words", [
    ("6,b,c,v,i,f,r", ":2: \"6\" is no serial number"),
    ("00000006", ":2: \"00000006\" is no line of a register"),
    ("00000006,b,c,v,i,f,r\n00000006,b,d,v,i,f,r", ":3: serial number 00000006 stands twice")])
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


# ---- firmware and data files --------------------------------------------------------------------


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
    import re
    import yaml
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
