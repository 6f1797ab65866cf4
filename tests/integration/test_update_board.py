# SPDX-License-Identifier: Apache-2.0
"""Updates over the bus on an emulated Cortex-M3: boot loader, two signed slots, trial, confirm, and
the power cut (SIGKILL) at random moments. The flash is a file that outlives the emulator."""
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import zlib

import pytest
from pymodbus.client import ModbusSerialClient

import garden
from emulated import Board

UNIT = 247
HARDWARE = 0x03850001
SLOTS = (0x21010000, 0x21050000)
PSRAM = 0x21000000
FLASH_SIZE = 16 << 20
SESSION, COMMAND, BLOCK, STATUS = 0x2000, 0x2010, 0x2100, 0x2000
RESTART, CONFIRM = 1, 2
ON_TRIAL, ERASING, OPEN, READY, REJECTED, IN_SLOT_1 = 1, 2, 4, 8, 16, 32
BLOCK_SIZE = 240
WRONG_HARDWARE, BAD_SIGNATURE, BAD_HASH, OLD_COUNTER = -3, -8, -9, -6
RECEIVE_WRONG_HARDWARE, RECEIVE_RUNNING_SLOT = -35, -34


def sign(folder, version, counter=1, hardware=HARDWARE):
    """The image file of the built program, as `baiye sign` makes it; its two variants."""
    programs = garden.BUILD / "mps2-an385" / "bin"
    path = folder / f"{version}.img"
    subprocess.run([garden.program("baiye"), "sign", "--key",
                    garden.ROOT / "firmware/boot/keys/test.pem", "--hardware", hex(hardware),
                    "--version", version, "--counter", str(counter), "--slot-0",
                    f"{programs}/baiye-node-0.bin@{SLOTS[0]:#x}", "--slot-1",
                    f"{programs}/baiye-node-1.bin@{SLOTS[1]:#x}", "-o", path], check=True)
    data = path.read_bytes()
    places = struct.unpack(">4I", data[8:24])
    return [data[places[2 * i]:places[2 * i] + places[2 * i + 1]] for i in (0, 1)]


def image_file(folder, version):
    sign(folder, version)
    return folder / f"{version}.img"


class SlotBoard(Board):
    """The board with the boot loader and `image` in slot 0, as from the bench."""

    def __init__(self, folder, image):
        super().__init__("mps2-an385", folder)
        self.image = garden.BUILD / self.name / "bin" / "baiye-boot.elf"
        self.flash = folder / "flash"
        with open(self.flash, "wb") as file:
            file.write(b"\xff" * (SLOTS[1] + (SLOTS[1] - SLOTS[0]) - PSRAM))
            file.truncate(FLASH_SIZE)
            file.seek(SLOTS[0] - PSRAM)
            file.write(image)
        self.extra = ["-machine", "memory-backend=flash", "-object",
                      f"memory-backend-file,id=flash,size={FLASH_SIZE},mem-path={self.flash},"
                      "share=on"]
        self.client = ModbusSerialClient(self.port, baudrate=9600, timeout=1, retries=0)

    def start(self):
        self.power_on()
        assert self.client.connect()
        return garden.wait_until(self.status, 20, "the node answers")

    def status(self):
        answer = self.client.read_input_registers(STATUS, 11, slave=UNIT)
        if answer.isError():
            return None
        words = struct.pack(">11H", *answer.registers)
        hardware, version, counter, image_id, missing, result, bits = struct.unpack(
            ">III4sHhH", words)
        return {"hardware": hardware, "version": f"{version >> 24}.{version >> 16 & 255}."
                f"{version & 0xFFFF}", "counter": counter, "id": image_id, "missing": missing,
                "result": result, "bits": bits}

    def write(self, address, data):
        """False: no answer came."""
        words = struct.unpack(f">{len(data) // 2}H", data)
        return not self.client.write_registers(address, list(words), slave=UNIT).isError()

    def open_session(self, image, slot, hardware=HARDWARE):
        blocks = (len(image) + BLOCK_SIZE - 1) // BLOCK_SIZE
        self.write(SESSION, struct.pack(">IHHH", hardware, slot, blocks, BLOCK_SIZE) +
                   image[32:40])
        return self.status()

    def send_block(self, image, number):
        data = image[number * BLOCK_SIZE:(number + 1) * BLOCK_SIZE].ljust(BLOCK_SIZE, b"\xff")
        place = struct.pack(">H", number)
        crc = zlib.crc32(image[32:40] + place + data)
        return self.write(BLOCK, place + struct.pack(">I", crc) + data)

    def missing(self, blocks):
        answer = self.client.read_input_registers(STATUS + 11, (blocks + 15) // 16, slave=UNIT)
        return [] if answer.isError() else [
            i for i in range(blocks) if answer.registers[i // 16] >> (15 - i % 16) & 1]

    def transfer(self, image, slot, upto=None):
        """Opens or resumes the session and sends what is missing; `upto` blocks at most."""
        self.open_session(image, slot)
        garden.wait_until(lambda: (self.status() or {"bits": 0})["bits"] & (OPEN | READY), 20,
                          "the session stands")
        blocks = (len(image) + BLOCK_SIZE - 1) // BLOCK_SIZE
        for _ in range(5 if upto is None else 1):  # a block whose answer came late is sent again
            for number in self.missing(blocks)[:upto]:
                self.send_block(image, number)

    def finished(self):
        """READY, or the reason why not."""
        status = self.status()
        return status if status and (status["bits"] & READY or status["result"] != 0) else None

    def restart(self):
        self.write(COMMAND, struct.pack(">H", RESTART))
        return garden.wait_until(self.status, 20, "the node answers after its restart")

    def cut_power(self):
        self.client.close()
        self.power_off()


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def board(folder):
    made = SlotBoard(folder, sign(folder, "1.0.0")[0])
    yield made
    made.client.close()
    made.close()


def test_an_update_is_tried_confirmed_and_kept(board, folder):
    assert board.start()["version"] == "1.0.0"
    image = sign(folder, "1.0.1")[1]
    board.transfer(image, 1)
    status = garden.wait_until(board.finished, 20, "the image is verified")
    assert status["bits"] & READY, status
    status = board.restart()
    assert status["version"] == "1.0.1" and status["bits"] & (ON_TRIAL | IN_SLOT_1) == 33
    assert board.write(COMMAND, struct.pack(">H", CONFIRM))
    for _ in range(4):  # more starts than a trial has
        board.cut_power()
        status = board.start()
        assert status["version"] == "1.0.1" and not status["bits"] & ON_TRIAL


def test_an_update_that_nobody_confirms_is_given_up(board, folder):
    board.start()
    board.transfer(sign(folder, "1.0.1")[1], 1)
    garden.wait_until(board.finished, 20, "the image is verified")
    assert board.restart()["version"] == "1.0.1"
    for _ in range(2):
        board.cut_power()
        assert board.start()["version"] == "1.0.1"
    board.cut_power()
    status = board.start()
    assert status["version"] == "1.0.0" and status["bits"] & REJECTED


def test_what_is_not_for_it_is_refused_with_a_reason(board, folder):
    board.start()
    good = sign(folder, "1.0.1")
    assert board.open_session(good[1], 1, HARDWARE + 1)["result"] == RECEIVE_WRONG_HARDWARE
    assert board.open_session(good[0], 0)["result"] == RECEIVE_RUNNING_SLOT
    flipped = bytearray(good[1])
    flipped[5000] ^= 4
    forged = bytearray(good[1])
    forged[16] ^= 1  # the security counter
    foreign = sign(folder, "1.0.2", hardware=HARDWARE + 1)[1]
    for image, reason in ((bytes(flipped), BAD_HASH), (bytes(forged), BAD_SIGNATURE),
                          (foreign, WRONG_HARDWARE)):
        board.transfer(image, 1)
        assert garden.wait_until(board.finished, 20, "the verdict")["result"] == reason
    board.cut_power()
    assert board.start()["version"] == "1.0.0"


def test_power_cuts_at_random_moments_never_brick_it(board, folder):
    """Each round: send a few blocks, perhaps restart, and cut the power somewhere in it."""
    chance = random.Random(11)
    images = {"1.0.0": sign(folder, "1.0.0"), "1.0.1": sign(folder, "1.0.1")}
    board.start()
    done = 0
    for cut in range(200 if garden.FULL else 8):
        status = board.status()
        assert status is not None, f"cut {cut}: no answer"
        assert status["version"] in images
        if status["bits"] & ON_TRIAL and chance.random() < 0.7:
            board.write(COMMAND, struct.pack(">H", CONFIRM))
            done += 1
        elif not status["bits"] & ON_TRIAL:
            other = "1.0.1" if status["version"] == "1.0.0" else "1.0.0"
            slot = 0 if status["bits"] & IN_SLOT_1 else 1
            if not status["bits"] & READY:
                board.transfer(images[other][slot], slot, upto=chance.randrange(20, 120))
            if chance.random() < 0.7:
                board.write(COMMAND, struct.pack(">H", RESTART))
        board.cut_power()
        board.start()
    assert board.status()["version"] in images


def test_the_gateway_updates_a_node_while_it_goes_on_measuring(site, board, folder):
    """`baiye update` through the daemon, interrupted once; then again, and the other way round."""
    board.start()
    board.client.close()
    site.start_broker()
    # The emulated line has no rate of its own; the daemon believes no answer that comes faster
    # than its rate allows.
    bus = {"name": "east", "type": "rtu", "port": board.port, "baud": 115200, "parity": "none",
           "silence": "20ms", "devices": [{"name": "plot-1", "profile": "baiye-node",
                                           "address": UNIT, "every": "2s"}]}
    site.gateway = garden.Gateway(site.folder, site.broker, [bus])
    site.gateway.start()
    watcher = site.start_watcher()
    garden.wait_until(watcher.count, 30, "the first reading")
    command = [garden.program("baiye"), "update", "--socket", site.folder / "baiyed.sock",
               "--share", "90", image_file(folder, "1.0.1")]
    interrupted = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    sessions = garden.program("baiye"), "stats", "--socket", site.folder / "baiyed.sock"
    subprocess.run(sessions, check=True, capture_output=True)
    interrupted.terminate()
    interrupted.wait(10)
    interrupted.stdout.close()
    before = watcher.count()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "updated" in done.stdout and "1.0.0 -> 1.0.1" in done.stdout, done.stdout
    assert watcher.count() > before, "polls went on meanwhile"
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0 and "current" in again.stdout, again.stdout + again.stderr
    command[-1] = image_file(folder, "1.0.2")
    back = subprocess.run(command, capture_output=True, text=True)
    assert back.returncode == 0 and "1.0.1 -> 1.0.2" in back.stdout, back.stdout + back.stderr
