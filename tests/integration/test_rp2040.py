# SPDX-License-Identifier: Apache-2.0
"""The Raspberry Pi Pico as a node: the file that a technician drags onto it, from the first answer
to a power cut in the midst of an update. No wall time in it: the emulated chip has its own."""
import pathlib
import shutil
import struct
import subprocess
import tempfile
import threading

import pytest

import garden
import picoboard
from picoboard import PicoBoard, PowerCut, image, uf2
from slotboard import (BAD_SIGNATURE, COMMAND, CONFIRM, IN_SLOT_1, ON_TRIAL, OPEN, READY, REJECTED,
                       TESTED)

SNAPSHOT, PERIOD, UNLOCK, COMMIT = 22, 0x0110, 0x0100, 0x0101
NO_VALUE, FLAG_ABSENT = 0x8000, 4
RESET_CAUSE, SERIAL, NAME, OVERRUNS, FRAMING = 0x0064, 0x00C0, 0x00C7, 0x007B, 0x007C
SENSORS = 4  # of the self-test
POWER, WATCHDOG, SOFTWARE, FAULT = 1, 3, 4, 5


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
    board.run(7.0)  # it was fed a second ago at most
    assert board.state()["resets"] == []
    board.run(1.5)
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


def update(board, folder, version="1.0.1"):
    board.transfer(image(folder, version, 1), 1)
    return wait_finished(board)


def wait_finished(board):
    return board.wait(board.finished, "the verdict")


def test_an_update_is_tried_confirmed_and_kept(board, folder):
    assert board.start()["version"] == "1.0.0"
    status = update(board, folder)
    assert status["bits"] & READY, status
    status = board.restart()
    assert status["version"] == "1.0.1" and status["bits"] & (ON_TRIAL | IN_SLOT_1) == 33
    assert board.registers(RESET_CAUSE, 1)[0] == SOFTWARE
    for _ in range(40):
        status = board.status()
        if status["bits"] & TESTED:
            break
        board.run(0.5)
    assert status["bits"] & TESTED and status["bits"] >> 8 == SENSORS, "two are not mounted here"
    assert board.write(COMMAND, struct.pack(">H", CONFIRM))
    for _ in range(4):  # more starts than a trial has
        board.cut_power()
        status = board.start()
        assert status["version"] == "1.0.1" and not status["bits"] & ON_TRIAL


def test_an_update_that_nobody_confirms_is_given_up(board, folder):
    board.start()
    assert update(board, folder)["bits"] & READY
    assert board.restart()["version"] == "1.0.1"
    for _ in range(2):
        board.cut_power()
        assert board.start()["version"] == "1.0.1"
    board.cut_power()
    status = board.start()
    assert status["version"] == "1.0.0" and status["bits"] & REJECTED


def test_a_forged_head_erases_nothing(board, folder):
    board.start()
    forged = bytearray(image(folder, "1.0.3", 1))
    forged[16] ^= 1
    before = board.state()["flash_operations"]
    board.open_session(bytes(forged), 1)
    board.run(2)
    assert board.status()["result"] == BAD_SIGNATURE
    assert board.state()["flash_operations"] == before


def test_bytes_that_come_while_a_page_is_erased_are_heard(board, folder):
    """The flash answers nothing for 400 ms, the worst of its data sheet, and requests come all the
    time: their bytes are stored from RAM, and each request is answered or skipped whole."""
    board.set(eraseMs=400)
    board.start()
    board.run(6)  # no longer at the rate of its first seconds
    before = board.registers(FRAMING, 3), board.registers(OVERRUNS, 1)
    board.open_session(image(folder, "1.0.1", 1), 1)
    answered = 0
    while not board.status() or not board.status()["bits"] & OPEN:
        answered += board.registers(0, SNAPSHOT) is not None
    assert answered > 10
    assert (board.registers(FRAMING, 3), board.registers(OVERRUNS, 1)) == before


# Changes of the flash in an update: the old header dies 1, the state page is erased 2, the pages of the
# slot 3 to 66, the session is written 67, then the blocks, each of two or three.
CUTS = range(1, 600) if garden.FULL else (2, 67, 300)


@pytest.mark.parametrize("cut", CUTS)
def test_a_power_cut_in_the_midst_of_a_flash_operation_leaves_a_node(board, folder, cut):
    """The N-th change of the flash is torn; the node starts with what it had, and who sends the update
    finishes it."""
    board.start()
    board.set(cutAt=cut)
    try:
        update(board, folder)
        assert cut > board.state()["flash_operations"], "the power went"
        board.cut_power()
    except PowerCut:
        pass
    board.set(cutAt=0)
    status = board.start()
    assert status["version"] == "1.0.0" or status["bits"] & ON_TRIAL
    if not status["bits"] & (READY | ON_TRIAL):
        assert update(board, folder)["bits"] & READY
    assert board.restart()["version"] == "1.0.1"


def test_a_second_file_begins_a_new_life(board, folder):
    """What an update left in the other slot does not outlive the file that is dragged on."""
    board.start()
    update(board, folder)
    board.restart()
    assert board.write(COMMAND, struct.pack(">H", CONFIRM))
    board.cut_power()
    board.machine("uf2", path=str(uf2(folder, "0.9.0")))
    status = board.start()
    assert status["version"] == "0.9.0" and not status["bits"] & (ON_TRIAL | IN_SLOT_1)


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


class Drive:
    """The boot ROM's drive, which is gone once it has had the last block."""

    def __init__(self, path, board_id="RPI-RP2"):
        self.path, self.kept = path, path.parent / "kept.uf2"
        path.mkdir()
        (path / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\n"
                                           f"Board-ID: {board_id}\r\n")
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        file = self.path / "flash.uf2"
        while not self.stop.wait(0.02):
            data = file.read_bytes() if file.exists() else b""
            if len(data) >= 512 and len(data) == 512 * struct.unpack("<I", data[24:28])[0]:
                self.kept.write_bytes(data)
                shutil.rmtree(self.path)
                return

    def close(self):
        self.stop.set()
        self.thread.join()
        shutil.rmtree(self.path, ignore_errors=True)


def flash(folder, drive, *arguments):
    return subprocess.run([garden.program("baiye"), "flash", picoboard.BOARD, "--boards",
                           garden.ROOT / "boards", "--firmware", picoboard.programs(), "--image",
                           picoboard.signed(folder, "1.0.0"), "--test-key", "--adapter", drive.path,
                           "--register", folder / "boards.csv", *arguments],
                          capture_output=True, text=True)


def test_baiye_flash_copies_a_file_with_the_number_of_the_piece(folder):
    drive = Drive(folder / "drive")
    done = flash(folder, drive, "--serial", "00001234")
    drive.close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0000-1234-4,rp2040-rs485" in (folder / "boards.csv").read_text()
    board = PicoBoard(folder)
    try:
        board.machine("uf2", path=str(drive.kept))
        board.start()
        assert board.registers(SERIAL, 2) == (0, 0x1234)
    finally:
        board.close()


def test_baiye_flash_leaves_the_drive_of_another_chip_alone(folder):
    drive = Drive(folder / "other", "RP2350")
    done = flash(folder, drive)
    assert done.returncode == 65 and "RP2350" in done.stderr
    assert not (drive.path / "flash.uf2").exists()
    drive.close()
