# SPDX-License-Identifier: Apache-2.0
"""The Raspberry Pi Pico as a node: the file that a technician drags onto it, from the first answer
to a fault. No wall time in it: the emulated chip has its own."""
import pathlib
import shutil
import struct
import subprocess
import tempfile

import pytest

import garden
import picoboard
from picoboard import PicoBoard, uf2
from slotboard import IN_SLOT_1, ON_TRIAL

SNAPSHOT, PERIOD, UNLOCK, COMMIT = 22, 0x0110, 0x0100, 0x0101
NO_VALUE, FLAG_ABSENT = 0x8000, 4
RESET_CAUSE, SERIAL, NAME = 0x0064, 0x00C0, 0x00C7
POWER, WATCHDOG, FAULT = 1, 3, 5


@pytest.fixture(scope="module")
def folder():
    if not (picoboard.programs() / "baiye-boot.bin").exists():
        pytest.fail(f"not built: {picoboard.BOARD}")
    path = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def board(folder):
    made = PicoBoard(folder)
    made.machine("uf2", path=str(uf2(folder, "1.0.0")))
    yield made
    made.close()


def snapshot(board, at_least, seconds=30):
    """The first snapshot whose sample number is at least `at_least`."""
    for _ in range(2 * seconds):
        words = board.registers(0, SNAPSHOT)
        if words and (words[2] << 16 | words[3]) >= at_least:
            return words
        board.run(0.5)
    raise AssertionError(f"no sample {at_least} within {seconds} s")


def number(words):
    return words[2] << 16 | words[3]


def flag(words, channel):
    return words[6 + channel // 4] >> 4 * (channel % 4) & 15


def test_the_dragged_file_starts_and_answers_on_the_bus(board):
    status = board.start()
    assert status["version"] == "1.0.0" and status["hardware"] == picoboard.HARDWARE
    assert not status["bits"] & (IN_SLOT_1 | ON_TRIAL)
    state = board.state()
    assert state["console"] == "baiye-node\r\nrp2040-rs485\r\n"
    assert state["clock_hz"] == 96000000 and state["resets"] == []
    name = struct.pack(">8H", *board.registers(NAME, 8)).rstrip(b"\0")
    assert name == b"rp2040-rs485"
    assert board.registers(RESET_CAUSE, 1)[0] == POWER


def test_it_keeps_the_times_of_the_line(board):
    """3.5 characters of silence before an answer, and the driver goes off with the last stop bit."""
    board.start()
    board.client.delays_us.clear()
    board.client.released_us.clear()
    for _ in range(20):
        assert board.registers(0, SNAPSHOT)
    assert min(board.client.delays_us) >= 3.5 * 10 / 9600 * 1e6
    assert max(board.client.delays_us) < 10000
    assert max(board.client.released_us) < 50


@pytest.mark.parametrize("code,baud", [(7, 1200), (6, 115200)])
def test_it_answers_at_the_ends_of_its_rates(board, code, baud):
    board.start()
    board.run(6)
    assert not board.client.write_registers(0x07D1, [code], slave=247).isError()
    board.set(baud=baud)
    assert board.answers()["version"] == "1.0.0"
    for _ in range(3):
        assert board.registers(0, SNAPSHOT)
    bus = board.state()["bus"]
    assert bus[1] == "8N1" and abs(bus[0] / baud - 1) < 0.001
    assert max(board.client.released_us) < 50


def set_period(board, seconds):
    assert not board.client.write_register(UNLOCK, 0x4241, slave=247).isError()
    assert not board.client.write_register(PERIOD, seconds, slave=247).isError()
    assert not board.client.write_register(COMMIT, 1, slave=247).isError()


def test_a_sample_holds_what_its_sensors_say(board):
    board.set(air={"celsius": 18.25, "percent": 76.31})
    board.start()
    board.machine("rain", tips=3)
    set_period(board, 2)
    words = snapshot(board, number(snapshot(board, 1)) + 2)
    assert [flag(words, i) for i in (0, 1, 2, 3, 4, 6, 7)] == [0] * 7
    assert words[10:15] == (1825, 7631, 3044, 1820, 120)
    assert words[17] << 16 | words[18] == 3 * 20
    assert abs(words[19] - 1354 * 3300 * 11 / 4095) <= 20
    assert flag(words, 5) == flag(words, 9) == FLAG_ABSENT  # no BH1750, no DS18B20 is there
    board.set(air={"celsius": -5.5, "percent": 20})
    words = snapshot(board, number(words) + 2)
    assert words[10:12] == (0x10000 - 550, 2000)


def test_rails_are_off_between_samples(board):
    board.start()
    set_period(board, 10)
    snapshot(board, 2)
    board.run(3)
    pins = board.machine("pins")
    assert [pins[pin] for pin in ("2", "3", "12", "13")] == [0, 0, 0, 0]


def test_settings_and_boot_count_survive_a_power_cut(board):
    board.start()
    set_period(board, 17)
    board.cut_power()
    board.start()
    words = board.registers(0, SNAPSHOT)
    assert words[1] == 2 and words[9] == 17


def test_its_number_comes_from_the_flash_chip(board):
    """FNV-1a over the eight bytes that command 0x4B gives."""
    board.start()
    first = board.registers(SERIAL, 2)
    wanted = 0x811C9DC5
    for byte in bytes.fromhex("e6613852831f4c2a"):
        wanted = (wanted ^ byte) * 0x01000193 & 0xFFFFFFFF
    assert first[0] << 16 | first[1] == wanted
    board.cut_power()
    board.set(uniqueId=[1, 2, 3, 4, 5, 6, 7, 8])
    board.start()
    assert board.registers(SERIAL, 2) != first


def test_a_program_that_hangs_is_bitten_and_says_so(board):
    board.start()
    board.machine("hang")
    board.run(8.0)
    assert board.state()["resets"] == []
    board.run(0.5)
    assert board.state()["resets"] == ["watchdog"]
    board.answers()
    assert board.registers(RESET_CAUSE, 1)[0] == WATCHDOG


def test_a_fault_is_written_down_and_ends_in_a_reset(board):
    board.start()
    board.machine("fault")
    board.run(0.1)
    assert board.state()["resets"] == ["forced"]
    board.answers()
    cause = board.registers(RESET_CAUSE, 14)
    assert cause[0] == FAULT and cause[8] << 16 | cause[9] == 0xF0000000


def test_the_second_stage_has_the_sum_that_the_boot_rom_wants(folder):
    """One wrong bit, and the ROM would show its drive instead of starting: told before."""
    boot = bytearray((picoboard.programs() / "baiye-boot.bin").read_bytes())
    boot[100] ^= 1
    (folder / "boot.bin").write_bytes(boot)
    done = subprocess.run([garden.program("baiye"), "uf2", picoboard.BOARD, "--boards",
                           garden.ROOT / "boards", "--boot", folder / "boot.bin", "--image",
                           picoboard.signed(folder, "1.0.0"), "--test-key", "--output",
                           folder / "never.uf2"], capture_output=True, text=True)
    assert done.returncode == 65 and "second stage" in done.stderr
    assert not (folder / "never.uf2").exists()


def test_the_programs_have_room(folder):
    """The loader in its 32 KiB, and the program as small as on the other board of the garden."""
    assert (picoboard.programs() / "baiye-boot.bin").stat().st_size <= 20 * 1024
    for slot in (0, 1):
        assert (picoboard.programs() / f"baiye-node-{slot}.bin").stat().st_size <= 48 * 1024
