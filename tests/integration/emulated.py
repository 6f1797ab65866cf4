# SPDX-License-Identifier: Apache-2.0
"""One node's firmware under QEMU with everything around it that a test needs: its RS-485 line as a
pseudo terminal for real Modbus masters, SDI-12 probes that answer as text, a temperature to set,
the memory file, and power to cut."""
import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time
import tty

from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusIOException

import garden

SDI_ADDRESSES = {"0": "TER12", "1": "ATM14"}


def sdi_crc(text):
    crc = 0
    for byte in text.encode():
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return "".join(chr(0x40 | crc >> shift & 0x3F) for shift in (12, 6, 0))


class Probes:
    """TEROS 12 at 0 and ATMOS 14 at 1: an address not in `values` keeps silent."""

    def __init__(self):
        self.values = {"0": "+2578.0+18.2+120", "1": "+1.642+18.65+0.7631+93.21"}
        self.crc = False
        self.heard = []

    def answer(self, command):
        self.heard.append(command)
        address, body = command[0], command[1:-1]
        if address not in self.values:
            return ""
        if body == "I":
            return f"{address}13METER   {SDI_ADDRESSES[address]} 100-1\r\n"
        if body in ("M", "MC"):
            self.crc = body == "MC"
            count = self.values[address].count("+") + self.values[address].count("-")
            return f"{address}001{count}\r\n{address}\r\n"
        if body == "D0":
            text = address + self.values[address]
            return text + (sdi_crc(text) if self.crc else "") + "\r\n"
        return f"{address}\r\n" if body == "" else ""


class Master(ModbusSerialClient):
    """A board is a process that waits for its turn: it may answer late, and when another one has its turn
    in the middle of a frame, it takes that for two and does not answer. So an answer may take what
    wait_until() would allow, and what was not answered is asked again, as every master does."""

    ASKED = 3

    def __init__(self, port):
        super().__init__(port, baudrate=9600, timeout=garden.SLOWEST, retries=0)
        self.asked = self.ASKED

    def execute(self, request=None):
        for _ in range(self.asked):
            answer = super().execute(request)
            if not isinstance(answer, ModbusIOException):
                break
        return answer

    @contextlib.contextmanager
    def briefly(self):
        """Where nobody may be there yet: once, for a second."""
        self.be_patient(1, 1)
        yield
        self.be_patient(self.ASKED, garden.SLOWEST)

    def be_patient(self, asked, seconds):
        self.asked = asked
        self.params.timeout = seconds  # it closes its port after an answer that did not come, and opens it anew
        if self.socket:
            self.socket.timeout = seconds


class Debugger(socket.socket):
    """QEMU's debugger stub at a UNIX socket: a packet, its answer."""

    def __init__(self, path):
        super().__init__(socket.AF_UNIX)
        self.settimeout(20)
        self.connect(str(path))

    def __call__(self, packet):
        self.sendall(f"${packet}#{sum(packet.encode()) & 255:02x}".encode())
        # "T…" tells that the board stands: what "c" waits for, and nobody else
        wanted = rb"\$(T[^$#]*)#.." if packet == "c" else rb"\$([^T$][^$#]*)#.."
        found, text = None, b""
        while not found:
            data = self.recv(256)
            assert data, "QEMU ended"
            text += data
            found = re.search(wanted, text)
        self.sendall(b"+")
        return found[1].decode()


def symbol(image, name):
    listing = subprocess.run(["arm-none-eabi-nm", str(image)], capture_output=True, text=True,
                             check=True).stdout
    return next(int(line.split()[0], 16) & ~1 for line in listing.splitlines()
                if line.split()[-1] == name)


class Board:
    """A board that QEMU runs. `folder` is the test's own and short: UNIX sockets live in it."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.image = garden.ROOT / "build" / name / "bin" / "baiye-node.elf"
        self.memory = folder / "nv"
        self.memory.write_bytes(b"\xff" * 32768)
        self.probes = Probes()
        self.console = folder / "console.log"
        self.extra = []  # arguments of QEMU beside these
        self.child = None
        self.stopping = False
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.listeners = {line: self.listen(line) for line in ("bus", "sdi")}
        self.threads = []

    def listen(self, line):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / line))
        listener.listen(1)
        listener.settimeout(10)
        return listener

    def arguments(self):
        lines = [f"socket,id={line},path={self.folder / line}" for line in ("bus", "sdi")]
        lines.append(f"file,id=console,path={self.console},append=on")
        serials = ("bus", "sdi", "console")
        result = ["qemu-system-arm", "-M", self.name, "-display", "none", "-nodefaults",
                  "-monitor", "none", "-kernel", self.image,
                  "-device", "tmp105,id=air,address=0x48",
                  "-drive", f"if=none,id=nv,file={self.memory},format=raw",
                  "-device", "at24c-eeprom,address=0x50,rom-size=32768,drive=nv",
                  "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off"]
        for line in lines:
            result += ["-chardev", line]
        for serial in serials:
            result += ["-serial", f"chardev:{serial}"]
        return [str(part) for part in result] + self.extra

    def power_on(self):
        with open(self.folder / "qemu.log", "ab") as log:
            self.child = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log)
        bus = self.listeners["bus"].accept()[0]
        sdi = self.listeners["sdi"].accept()[0]
        self.stopping = False
        self.threads = [threading.Thread(target=self.carry, args=(bus,), daemon=True),
                        threading.Thread(target=self.speak, args=(sdi,), daemon=True)]
        for thread in self.threads:
            thread.start()

    def power_off(self):
        """As a power cut does it."""
        if self.child:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()
            self.child = None
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def close(self):
        self.power_off()
        for listener in self.listeners.values():
            listener.close()
        os.close(self.master)
        os.close(self.slave)

    def carry(self, bus):
        """Bytes between the pseudo terminal and the board, as they come."""
        with bus:
            while not self.stopping:
                ready = select.select([bus, self.master], [], [], 0.05)[0]
                try:
                    if self.master in ready:
                        bus.sendall(os.read(self.master, 512))
                    if bus in ready:
                        data = bus.recv(512)
                        if not data:
                            return
                        os.write(self.master, data)
                except OSError:
                    return

    def speak(self, sdi):
        text = ""
        with sdi:
            while not self.stopping:
                if not select.select([sdi], [], [], 0.05)[0]:
                    continue
                try:
                    data = sdi.recv(64)
                    if not data:
                        return
                    text += data.decode("ascii", "replace")
                    while "!" in text:
                        command, text = text.split("!", 1)
                        sdi.sendall(self.probes.answer(command + "!").encode())
                except OSError:
                    return

    def qmp(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(5)
            link.connect(str(self.folder / "qmp"))
            stream = link.makefile("rw")
            stream.readline()
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
                while "event" in answer:
                    answer = json.loads(stream.readline())
            return answer

    def set_air(self, celsius):
        answer = self.qmp("qom-set", path="/machine/peripheral/air", property="temperature",
                          value=round(celsius * 1000))
        assert "return" in answer, answer

    def human(self, command):
        """A command of QEMU's monitor for people; what it says."""
        return self.qmp("human-monitor-command", **{"command-line": command})["return"]

    def symbol(self, name):
        return symbol(self.image, name)

    @contextlib.contextmanager
    def debugger(self):
        """Asks QEMU's debugger stub, which stops the board meanwhile: a packet, its answer."""
        path = self.folder / "gdb"
        path.unlink(missing_ok=True)
        self.human(f"gdbserver unix:{path},server=on,wait=off")
        with Debugger(path) as ask:
            yield ask
            ask("D")
        self.human("gdbserver none")

    def debug(self, *packets):
        with self.debugger() as ask:
            return [ask(packet) for packet in packets]

    def power_on_at(self, seconds):
        """As if the board's clock had run for so long when the node begins: the count of its
        timer's wraps, which main() has just started, is set before node_init() asks the time."""
        self.extra.append("-S")
        self.power_on()
        self.extra.remove("-S")
        begin = f"{self.symbol('node_init'):x},2"
        with self.debugger() as ask:
            assert ask(f"Z0,{begin}") == "OK"
            ask("c")
            assert ask(f"z0,{begin}") == "OK"
            us = int.from_bytes(bytes.fromhex(ask(f"m{self.symbol('wrap_us'):x},4")), "little")
            wraps = int(seconds * 1000000 / us).to_bytes(4, "little")
            assert ask(f"M{self.symbol('wraps'):x},4:{wraps.hex()}") == "OK"

    @contextlib.contextmanager
    def spoiled(self, function, code):
        """Machine code over the beginning of a function."""
        place = f"{self.symbol(function):x},{len(code):x}"
        before, wrote = self.debug(f"m{place}", f"M{place}:{code.hex()}")
        assert wrote == "OK", wrote
        yield
        self.debug(f"M{place}:{before}")

    def starts(self):
        """How often it said so on its console."""
        return self.console.read_bytes().count(b"baiye-node\r\n")

    def cpu_seconds(self):
        fields = open(f"/proc/{self.child.pid}/stat", encoding="ascii").read().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_text(path, text, seconds):
    garden.wait_until(lambda: path.exists() and text.encode() in path.read_bytes(), seconds,
                      f"{text!r} in {path.name}")
    return time.monotonic()
