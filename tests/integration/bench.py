# SPDX-License-Identifier: Apache-2.0
"""The technician's bench for the flashing tests: signed firmware, a folder with a board's data
file, tools on a PATH of their own, and a board whose program starts when the ROM is told to."""
import os
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import termios
import threading
import time

import pty
import tty
import yaml

import garden
from emulated import Probes

BOARD = "stm32f103-rs485"
FLASH, FACTORY, SLOT_0, SLOT_1 = 0x08000000, 0x08003C00, 0x08004800, 0x08012400
HARDWARE = 0x42F10301
PAGE = 1024
EXPORTS_KEYS = 0x48  # of struct loader_exports, behind the vectors
TEST_KEY = garden.ROOT / "firmware/boot/keys/test.pem"
BAUD = 9600


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return struct.pack("<H", crc)


PROGRAMS = tuple(garden.ROOT / "build" / BOARD / "bin" / f"baiye-node-{slot}.bin" for slot in (0, 1))


def sign_command(folder, name="baiye-node.img", hardware=HARDWARE, key=TEST_KEY, version="1.2.3",
                 slots=(SLOT_0, SLOT_1), key_number=0, programs=PROGRAMS):
    return [garden.program("baiye"), "sign", "--key", key, "--key-number", str(key_number),
            "--hardware", hex(hardware), "--version", version, "--counter", "1",
            "--slot-0", f"{programs[0]}@{slots[0]:#x}", "--slot-1", f"{programs[1]}@{slots[1]:#x}",
            "-o", folder / name]


def sign(folder, name="baiye-node.img", **more):
    subprocess.run(sign_command(folder, name, **more), check=True)
    return folder / name


def new_key(folder, name):
    """A P-256 key of our own: its file, and its public point."""
    path = folder / name
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                    path], check=True, stderr=subprocess.DEVNULL)
    text = subprocess.run(["openssl", "ec", "-in", path, "-pubout", "-outform", "DER"],
                          check=True, capture_output=True).stdout
    return path, text[-65:]


class Bench:
    """`run()` is `baiye flash` with all of it."""

    def __init__(self, folder):
        self.folder = folder
        self.boards = folder / "boards"
        self.firmware = folder / "firmware"
        self.tools = folder / "tools"
        self.calls = folder / "calls"
        self.register = folder / "boards.csv"
        self.label = folder / "label.png"
        for made in (self.boards / BOARD, self.firmware, self.tools):
            made.mkdir(parents=True)
        self.data = yaml.safe_load((garden.ROOT / "boards" / BOARD / "flash.yaml").read_text())
        self.data["reports"] = "native"  # the board that answers in FlashedBoard
        self.write_data()
        shutil.copy(garden.ROOT / "build" / BOARD / "bin" / "baiye-boot.bin", self.firmware)
        sign(self.firmware)

    def write_data(self):
        path = self.boards / BOARD / "flash.yaml"
        path.write_text(yaml.safe_dump(self.data, sort_keys=False))
        return path

    def loader_with_key(self, point):
        """The boot loader as a release build with that key would be."""
        path = self.firmware / "baiye-boot.bin"
        data = bytearray(path.read_bytes())
        at = struct.unpack_from("<I", data, EXPORTS_KEYS)[0] - FLASH
        data[at:at + 130] = point + bytes(65)
        path.write_bytes(data)

    def tool(self, name, script):
        """A program on the PATH; it appends its arguments to `calls`, one line a call."""
        path = self.tools / name
        path.write_text("#!/bin/sh\n"
                        f"(printf '%s' \"{name}\"; for a in \"$@\"; do printf '\\037%s' \"$a\"; "
                        f"done; echo) >>{self.calls}\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)

    def real(self, name, preload=None):
        path = shutil.which(name, path="/usr/bin:/bin")
        assert path, f"{name} is not installed"
        self.tool(name, f"LD_PRELOAD={preload or ''} exec {path} \"$@\"")

    def calls_made(self):
        text = self.calls.read_text() if self.calls.exists() else ""
        return [line.split("\x1f") for line in text.splitlines()]

    def arguments(self, *more, board=BOARD):
        return [str(part) for part in (
            garden.program("baiye"), "flash", board, "--boards", self.boards, "--firmware",
            self.firmware, "--register", self.register, "--label", self.label, *more)]

    def environment(self):
        return dict(os.environ, PATH=f"{self.tools}:{self.folder / 'none'}")

    def run(self, *more, code=0, test_key=True, board=BOARD):
        more = (*more, "--test-key") if test_key else more
        done = subprocess.run(self.arguments(*more, board=board), capture_output=True, text=True,
                              env=self.environment(), timeout=400)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def rows(self):
        return [line.split(",") for line in self.register.read_text().splitlines()[1:]]


class FlashedBoard:
    """The native node behind a pseudo terminal, on from the moment that the ROM jumps into the
    flash: its serial number and calibration are those of the page that was written there. It is
    started without slots: what is asked of the one it runs from is answered from the same flash."""

    def __init__(self, folder, rom, sensors=True, slots=True):
        self.folder, self.rom, self.sensors, self.slots = folder, rom, sensors, slots
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.child = None
        self.probes = Probes()
        self.stopping = threading.Event()
        self.listeners = {}
        for line in ("bus", "sdi", "i2c"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / line))
            listener.listen(1)
            listener.settimeout(10)
            self.listeners[line] = listener
        self.threads = []
        self.spawn(self.wait_for_the_rom)

    def spawn(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def wait_for_the_rom(self):
        while not self.stopping.is_set():
            if self.rom.started is not None:
                self.power_on()
                return
            time.sleep(0.02)

    def power_on(self):
        termios.tcflush(self.master, termios.TCIOFLUSH)  # what nobody was there to hear
        page = self.folder / "page"
        offset = FACTORY - FLASH
        page.write_bytes(self.rom.flash.data[offset:offset + PAGE])
        arguments = [garden.program("baiye-node"), "--bus", self.folder / "bus", "--nv",
                     self.folder / "nv", "--factory", page]
        if self.sensors:
            arguments += ["--sdi", self.folder / "sdi", "--i2c", self.folder / "i2c"]
        with open(self.folder / "node.log", "ab") as log:
            self.child = subprocess.Popen([str(part) for part in arguments], stdout=log,
                                          stderr=log)
        self.spawn(self.carry, self.listeners["bus"].accept()[0])
        if self.sensors:
            self.spawn(self.speak, self.listeners["sdi"].accept()[0])
            self.spawn(self.measure, self.listeners["i2c"].accept()[0])

    def close(self):
        self.stopping.set()
        for thread in list(self.threads):
            thread.join(10)
        if self.child:
            self.child.terminate()
            self.child.wait(120)
        for listener in self.listeners.values():
            listener.close()
        os.close(self.master)
        os.close(self.slave)

    def status(self):
        """What firmware/boot/service.c answers for the image in slot 0."""
        header = self.rom.flash.data[SLOT_0 - FLASH:SLOT_0 - FLASH + 64]
        hardware, version, counter = struct.unpack_from(">III", header, 8)
        words = struct.pack(">III4sHhH", hardware, version, counter, bytes(4), 0, 0, 0)
        answer = bytes([247, 4, len(words)]) + words
        return answer + crc16(answer)

    def carry(self, bus):
        """Whole requests (8 bytes all, here) to the node, after the time that they need on the
        wire."""
        request = b""
        with bus:
            while not self.stopping.is_set():
                ready = select.select([bus, self.master], [], [], 0.05)[0]
                if bus in ready:
                    data = bus.recv(512)
                    if not data:
                        return
                    self.answer(data)
                if self.master not in ready:
                    continue
                request += os.read(self.master, 512)
                while len(request) >= 8:
                    if crc16(request[:6]) == request[6:8]:
                        self.pass_on(bus, request[:8])
                        request = request[8:]
                    else:
                        request = request[1:]

    def answer(self, data):
        """The bus library believes no answer that comes faster than its rate allows."""
        time.sleep(len(data) * 10 / BAUD)
        os.write(self.master, data)

    def pass_on(self, bus, request):
        time.sleep(len(request) * 10 / BAUD)
        if self.slots and request[:6] == struct.pack(">BBHH", 247, 4, 0x2000, 11):
            time.sleep(0.005)
            self.answer(self.status())
        else:
            bus.sendall(request)

    def lines(self, link, end):
        text = ""
        with link:
            while not self.stopping.is_set():
                if not select.select([link], [], [], 0.05)[0]:
                    continue
                data = link.recv(256)
                if not data:
                    return
                text += data.decode("ascii", "replace")
                while end in text:
                    line, text = text.split(end, 1)
                    yield line

    def speak(self, link):
        for line in self.lines(link, "!"):
            link.sendall(self.probes.answer(line + "!").encode())

    def measure(self, link):
        """A TMP105 at 25 °C."""
        for line in self.lines(link, "\n"):
            known = line.startswith("48 ")
            count = int(line.rsplit(" r ", 1)[1]) if " r " in line else 0
            link.sendall(f"ok {'1900' * 32}"[:3 + 2 * count].encode() + b"\n" if known
                         else b"nak\n")


class DebugPort:
    """A chip at the real OpenOCD; the board's data file then names its script."""

    SCRIPT = """adapter driver remote_bitbang
remote_bitbang port 0
remote_bitbang host {socket}
gdb_port disabled
tcl_port disabled
telnet_port disabled
set WORKAREASIZE 0
source [find target/stm32f1x.cfg]
"""

    def __init__(self, bench, *options):
        self.socket, self.flash = bench.folder / "debug", bench.folder / "flash"
        self.before = bytes(range(256)) * 512
        self.flash.write_bytes(self.before)
        script = bench.boards / BOARD / "debug.cfg"
        script.write_text(self.SCRIPT.format(socket=self.socket))
        bench.data["probes"] = [{"kind": "openocd", "scripts": ["debug.cfg"],
                                 "unlock": "stm32f1x unlock 0"}]
        bench.write_data()
        bench.real("openocd")
        self.log = bench.folder / "debug.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen([garden.program("debug-port"), self.socket, self.flash,
                                           *options], stdout=log, stderr=log)
        garden.wait_until(lambda: garden.listens(self.socket), 10, "the debug port listens")

    def runs(self):
        """How often the processor was let go."""
        return int(self.log.read_text().split()[-1])

    def close(self):
        self.child.kill()
        self.child.wait(120)


def work_folder():
    """Short: UNIX sockets live in it."""
    import tempfile
    return pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
