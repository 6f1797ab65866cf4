# SPDX-License-Identifier: Apache-2.0
"""The emulated board with boot loader and two slots, whose flash is a file that outlives it."""
import os
import pty
import select
import struct
import subprocess
import threading
import tty
import zlib

import garden
from emulated import Board, Master

UNIT = 247
HARDWARE = 0x03850001
SLOTS = (0x21010000, 0x21050000)
PSRAM = 0x21000000
FLASH_SIZE = 16 << 20
SESSION, COMMAND, BLOCK, STATUS, UNLOCK = 0x2000, 0x2010, 0x2100, 0x2000, 0x0100
RESTART, CONFIRM, REVERT = 1, 2, 4
ON_TRIAL, ERASING, OPEN, READY, REJECTED, IN_SLOT_1, TESTED = 1, 2, 4, 8, 16, 32, 64
BLOCK_SIZE = 240
WRONG_HARDWARE, BAD_SIGNATURE, BAD_HASH, OLD_COUNTER, NOT_NEWER = -3, -8, -9, -6, -12
RECEIVE_WRONG_HARDWARE, RECEIVE_RUNNING_SLOT = -35, -34
NOT_ON_TRIAL, FOREIGN_BLOCK = -40, -43


def sign(folder, version, counter=1, hardware=HARDWARE, key=None, number=0):
    """The image file of the built program, as `baiye sign` makes it; its two variants."""
    programs = garden.BUILD / "mps2-an385" / "bin"
    path = folder / f"{version}.img"
    subprocess.run([garden.program("baiye"), "sign", "--key",
                    key or garden.ROOT / "firmware/boot/keys/test.pem", "--key-number",
                    str(number), "--hardware", hex(hardware),
                    "--version", version, "--counter", str(counter), "--slot-0",
                    f"{programs}/baiye-node-0.bin@{SLOTS[0]:#x}", "--slot-1",
                    f"{programs}/baiye-node-1.bin@{SLOTS[1]:#x}", "-o", path], check=True)
    data = path.read_bytes()
    places = struct.unpack(">4I", data[8:24])
    return [data[places[2 * i]:places[2 * i] + places[2 * i + 1]] for i in (0, 1)]


def image_file(folder, version, **arguments):
    sign(folder, version, **arguments)
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
        self.client = Master(self.port)

    def start(self):
        self.power_on()
        assert self.client.connect()
        return garden.wait_until(self.answers, 20, "the node answers")

    def answers(self):
        """Its status when it is there; it may be starting."""
        with self.client.briefly():
            return self.status()

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
        self.write(UNLOCK, struct.pack(">H", 0x4241))
        self.write(SESSION, struct.pack(">IHHH", hardware, slot, blocks, BLOCK_SIZE) +
                   image[64:72] + image[:128])
        return self.status()

    def send_block(self, image, number):
        data = image[number * BLOCK_SIZE:(number + 1) * BLOCK_SIZE].ljust(BLOCK_SIZE, b"\xff")
        place = struct.pack(">H", number)
        crc = zlib.crc32(image[64:72] + place + data)
        return self.write(BLOCK, place + struct.pack(">I", crc) + data)

    def missing(self, blocks):
        answer = self.client.read_input_registers(STATUS + 11, (blocks + 15) // 16, slave=UNIT)
        return [] if answer.isError() else [
            i for i in range(blocks) if answer.registers[i // 16] >> (15 - i % 16) & 1]

    def wait(self, condition, what):
        return garden.wait_until(condition, 20, what)

    def transfer(self, image, slot, upto=None):
        """Opens or resumes the session and sends what is missing; `upto` blocks at most."""
        self.open_session(image, slot)
        self.wait(lambda: (self.status() or {"bits": 0})["bits"] & (OPEN | READY),
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
        return garden.wait_until(self.answers, 20, "the node answers after its restart")

    def cut_power(self):
        self.client.close()
        self.power_off()


class Line:
    """One pseudo terminal for several boards: every byte reaches all others, as on RS-485."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.members = []
        self.lock = threading.Lock()
        self.stopping = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def spread(self, data, sender):
        with self.lock:
            for member in self.members:
                if member is not sender:
                    try:
                        member.sendall(data)
                    except OSError:
                        pass  # its power was cut
            if sender is not None:
                os.write(self.master, data)

    def listen(self):
        while not self.stopping:
            if select.select([self.master], [], [], 0.05)[0]:
                self.spread(os.read(self.master, 512), None)

    def close(self):
        self.stopping = True
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)


class LineBoard(SlotBoard):
    """A board beside others on one line, at an address of its own."""

    def __init__(self, folder, image, line, address):
        super().__init__(folder, image)
        self.line, self.address = line, address
        self.client = Master(line.port)

    def carry(self, bus):
        with self.line.lock:
            self.line.members.append(bus)
        with bus:
            while not self.stopping:
                try:
                    if select.select([bus], [], [], 0.05)[0]:
                        data = bus.recv(512)
                        if not data:
                            break
                        self.line.spread(data, bus)
                except OSError:
                    break
            with self.line.lock:
                self.line.members.remove(bus)

    def move_in(self):
        """From the factory's address to its own, which it keeps once it was spoken to there."""
        self.start()
        self.client.write_registers(0x07D0, [self.address], slave=UNIT)
        garden.wait_until(lambda: not self.client.read_input_registers(
            STATUS, 1, slave=self.address).isError(), 10, "the node has moved")
        self.client.close()
