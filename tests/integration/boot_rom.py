# SPDX-License-Identifier: Apache-2.0
"""The serial boot loader in the ROM of an STM32F103 (AN3155, AN2606), on a pseudo terminal, with a
flash that keeps NOR's rules (PM0075) and faults to order. Real masters talk to it: stm32flash."""
import os
import pty
import select
import struct
import termios
import threading
import time
import tty

ACK, NACK = b"\x79", b"\x1f"
SYNC = 0x7F
GET, VERSION, ID, READ, GO, WRITE, ERASE = 0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x43
WRITE_PROTECT, WRITE_UNPROTECT, READ_PROTECT, READ_UNPROTECT = 0x63, 0x73, 0x82, 0x92
COMMANDS = bytes([GET, VERSION, ID, READ, GO, WRITE, ERASE, WRITE_PROTECT, WRITE_UNPROTECT,
                  READ_PROTECT, READ_UNPROTECT])
ROM_VERSION = 0x22

FLASH, RAM, SYSTEM, OPTIONS = 0x08000000, 0x20000000, 0x1FFFF000, 0x1FFFF800
PAGE = 1024
UNIQUE_ID = 0x1FFFF7E8
FLASH_SIZE = 0x1FFFF7E0


class Gone(Exception):
    """The test is over."""


def checksum(data):
    value = 0
    for byte in data:
        value ^= byte
    return value


class Flash:
    """Erase sets 0xFF; a half-word is programmed once, and then only to 0 again."""

    def __init__(self, size):
        self.data = bytearray(b"\xff" * size)
        self.programmed = self.erased = 0
        self.violations = 0

    def erase(self, page):
        self.data[page * PAGE:(page + 1) * PAGE] = b"\xff" * PAGE
        self.erased += 1

    def program(self, offset, data):
        for at in range(offset, offset + len(data), 2):
            new = data[at - offset:at - offset + 2]
            if self.data[at:at + 2] == b"\xff\xff" or new == b"\0\0":
                self.data[at:at + 2] = new
            elif self.data[at:at + 2] != new:
                self.violations += 1  # PGERR: stays as it was
            self.programmed += 1


class BootRom:
    """`port` is for the master. Faults are attributes, to be set at any time."""

    def __init__(self, device_id=0x410, flash_kib=128, unique_id=bytes(range(0x31, 0x3D))):
        self.device_id, self.unique_id = device_id, unique_id
        self.flash = Flash(flash_kib * 1024)
        self.ram = bytearray(20 * 1024)
        self.system = bytearray(b"\x5a" * 0x800)
        self.place(UNIQUE_ID, unique_id)
        self.place(FLASH_SIZE, struct.pack("<H", flash_kib))
        self.protected = False       # readout protection
        self.write_protected = False
        self.flip_at = None          # address that reads with one bit wrong
        self.silent_after = None     # so many WRITE commands, then not another byte
        self.write_delay_s = 0       # of each WRITE: a slow chip
        self.started = None          # address of GO
        self.writes = 0
        self.line_errors = 0         # bytes that came with other than 8E1
        self.commands = []
        self.synced = False
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def place(self, address, data):
        self.system[address - SYSTEM:address - SYSTEM + len(data)] = data

    def close(self):
        os.write(self.stop_write, b"x")
        self.thread.join(10)
        for fd in (self.master, self.slave, self.stop_read, self.stop_write):
            os.close(fd)

    def reset(self):
        """The button, with BOOT0 still up."""
        self.synced, self.started = False, None

    # ---- line -----------------------------------------------------------------------------

    def even_parity(self):
        """8E1. A pseudo terminal has no PARENB; who asks for parity also has it checked."""
        inputs, _, controls = termios.tcgetattr(self.master)[:3]
        return (inputs & termios.INPCK and controls & termios.CSIZE == termios.CS8
                and not controls & (termios.PARODD | termios.CSTOPB))

    def take(self, count):
        data = b""
        while len(data) < count:
            ready = select.select([self.master, self.stop_read], [], [])[0]
            if self.stop_read in ready:
                raise Gone
            data += os.read(self.master, count - len(data))
        if not self.even_parity():
            self.line_errors += count
        return data

    def give(self, data):
        if self.silent_after is None or self.writes < self.silent_after:
            os.write(self.master, data)

    # ---- memory ---------------------------------------------------------------------------

    def region(self, address, size):
        """The memory that holds it all, and the offset there; None: no access."""
        for base, memory in ((FLASH, self.flash.data), (RAM, self.ram), (SYSTEM, self.system)):
            if base <= address and address + size <= base + len(memory):
                return memory, address - base
        if address == OPTIONS and size <= 16:
            return bytes([0 if self.protected else 0xA5, 0x5A]) + b"\xff\x00" * 7, 0
        return None

    def read(self, address, size):
        memory, offset = self.region(address, size)
        data = bytearray(memory[offset:offset + size])
        if self.flip_at is not None and address <= self.flip_at < address + size:
            data[self.flip_at - address] ^= 0x10
        return bytes(data)

    # ---- protocol -------------------------------------------------------------------------

    def run(self):
        try:
            while True:
                self.step()
        except (Gone, OSError):
            pass

    def step(self):
        byte = self.take(1)[0]
        if self.started is not None:
            return  # the program runs: nobody here speaks this
        if not self.synced:
            if byte == SYNC and self.even_parity():
                self.synced = True
                self.give(ACK)
            return
        complement = self.take(1)[0]
        if byte ^ complement != 0xFF or byte not in COMMANDS:
            self.give(NACK)
            return
        self.commands.append(byte)
        if self.protected and byte in (READ, GO, WRITE, ERASE, WRITE_PROTECT, WRITE_UNPROTECT):
            self.give(NACK)
            return
        {GET: self.do_get, VERSION: self.do_version, ID: self.do_id, READ: self.do_read,
         GO: self.do_go, WRITE: self.do_write, ERASE: self.do_erase,
         WRITE_PROTECT: self.do_protect, WRITE_UNPROTECT: self.do_write_unprotect,
         READ_PROTECT: self.do_read_protect, READ_UNPROTECT: self.do_read_unprotect}[byte]()

    def do_get(self):
        self.give(ACK + bytes([len(COMMANDS), ROM_VERSION]) + COMMANDS + ACK)

    def do_version(self):
        self.give(ACK + bytes([ROM_VERSION, 0, 0]) + ACK)

    def do_id(self):
        self.give(ACK + b"\x01" + struct.pack(">H", self.device_id) + ACK)

    def take_address(self):
        """None, and refused: a wrong checksum."""
        data = self.take(5)
        if checksum(data):
            self.give(NACK)
            return None
        return struct.unpack(">I", data[:4])[0]

    def do_read(self):
        self.give(ACK)
        address = self.take_address()
        if address is None:
            return
        if self.region(address, 1) is None:
            self.give(NACK)
            return
        self.give(ACK)
        count, complement = self.take(2)
        if count ^ complement != 0xFF or self.region(address, count + 1) is None:
            self.give(NACK)
            return
        self.give(ACK + self.read(address, count + 1))

    def do_go(self):
        self.give(ACK)
        address = self.take_address()
        if address is not None:
            self.give(ACK)
            self.started = address

    def do_write(self):
        self.give(ACK)
        address = self.take_address()
        if address is None:
            return
        self.give(ACK)
        count = self.take(1)
        data = self.take(count[0] + 2)
        in_flash = FLASH <= address < FLASH + len(self.flash.data)
        if (checksum(count + data) or address % 4 or self.region(address, count[0] + 1) is None
                or (in_flash and self.write_protected)):
            self.give(NACK)
            return
        self.writes += 1
        time.sleep(self.write_delay_s)
        if in_flash:
            self.flash.program(address - FLASH, data[:-1])
        elif RAM <= address < RAM + len(self.ram):
            self.ram[address - RAM:address - RAM + count[0] + 1] = data[:-1]
        self.give(ACK)

    def do_erase(self):
        self.give(ACK)
        count = self.take(1)
        pages = range(len(self.flash.data) // PAGE)
        if count[0] == 0xFF:
            good = self.take(1) == b"\x00"
        else:
            data = self.take(count[0] + 2)
            good = checksum(count + data) == 0 and all(page in pages for page in data[:-1])
            pages = data[:-1]
        if not good or self.write_protected:
            self.give(NACK)
            return
        for page in pages:
            self.flash.erase(page)
        self.give(ACK)

    def do_protect(self):
        self.give(ACK)
        count = self.take(1)
        good = checksum(count + self.take(count[0] + 2)) == 0
        self.write_protected |= good
        self.give(ACK if good else NACK)
        self.synced = not good  # a reset makes it so

    def do_write_unprotect(self):
        self.write_protected = False
        self.give(ACK + ACK)
        self.synced = False

    def do_read_protect(self):
        self.protected = True
        self.give(ACK + ACK)
        self.synced = False

    def do_read_unprotect(self):
        """Lifting it erases the whole flash."""
        self.protected = False
        for page in range(len(self.flash.data) // PAGE):
            self.flash.erase(page)
        self.give(ACK + ACK)
        self.synced = False
