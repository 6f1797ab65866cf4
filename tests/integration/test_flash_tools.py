# SPDX-License-Identifier: Apache-2.0
"""`baiye flash` through a debug probe or DFU: the tools by their exact command lines, OpenOCD itself
against a simulated debug port, and each way in which they go wrong."""
import os
import pathlib
import struct

import pytest

import garden
from bench import FLASH, DebugPort
from boot_rom import PAGE
from flash_fixtures import UNIQUE, bench, boots, expected, factory_page, folder, rom  # noqa: F401


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
