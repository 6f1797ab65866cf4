# SPDX-License-Identifier: Apache-2.0
"""The bench of each test of `baiye flash`: a folder, the tools, an STM32F103's ROM at the adapter."""
import shutil
import struct
import subprocess
import zlib

import pytest

import garden
from bench import FACTORY, FLASH, SLOT_0, Bench, work_folder
from boot_rom import BootRom

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
