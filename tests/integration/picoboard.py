# SPDX-License-Identifier: Apache-2.0
"""boards/rp2040-rs485 on an emulated Raspberry Pi Pico (pico/machine.mjs): the very file that is
dragged onto it, in the machine's own time."""
import functools
import json
import pathlib
import struct
import subprocess

import garden
from slotboard import COMMAND, RESTART, SlotBoard

BOARD = "rp2040-rs485"
HARDWARE = 0x20400001
SLOTS = (0x10010000, 0x10050000)
STATES = (0x1000A000, 0x1000B000)
KEY = garden.ROOT / "firmware/boot/keys/test.pem"
MACHINE = pathlib.Path(__file__).parent / "pico" / "machine.mjs"


def programs():
    return garden.BUILD / BOARD / "bin"


@functools.cache
def signed(folder, version, counter=1):
    """The file of `baiye sign` with the built program."""
    path = folder / f"{version}.img"
    slots = [f"{programs()}/baiye-node-{i}.bin@{at:#x}" for i, at in enumerate(SLOTS)]
    subprocess.run([garden.program("baiye"), "sign", "--key", KEY, "--key-number", "0",
                    "--hardware", hex(HARDWARE), "--version", version, "--counter", str(counter),
                    "--slot-0", slots[0], "--slot-1", slots[1], "-o", path], check=True)
    return path


def image(folder, version, slot, counter=1):
    data = signed(folder, version, counter).read_bytes()
    places = struct.unpack(">4I", data[8:24])
    return data[places[2 * slot]:places[2 * slot] + places[2 * slot + 1]]


@functools.cache
def uf2(folder, version):
    """The file for the technician."""
    path = folder / f"{version}.uf2"
    done = subprocess.run([garden.program("baiye"), "uf2", BOARD, "--boards", garden.ROOT / "boards",
                           "--firmware", programs(), "--image", signed(folder, version), "--test-key",
                           "--output", path, "--json"], check=True, capture_output=True)
    told = json.loads(done.stdout)
    assert (told["command"], told["file"], told["board"], told["complaints"]) == ("uf2", str(path), BOARD, [])
    return path


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return struct.pack("<H", crc)


class PowerCut(Exception):
    pass


class Answer:
    def __init__(self, registers=None):
        self.registers = registers

    def isError(self):  # noqa: N802 (as pymodbus has it)
        return self.registers is None


class Master:
    """Modbus RTU, with the calls of pymodbus that the tests of the other boards use."""

    TIMEOUT_MS = 1000

    def __init__(self, machine):
        self.machine = machine
        self.delays_us, self.released_us = [], []

    def ask(self, unit, pdu):
        """The PDU that comes back; None: none."""
        frame = bytes([unit]) + pdu
        heard = self.machine("request", hex=(frame + crc16(frame)).hex(),
                             timeout_ms=self.TIMEOUT_MS)
        answer = bytes.fromhex(heard["answer"])
        if not answer:
            return None
        assert answer[-2:] == crc16(answer[:-2]) and answer[0] == unit, answer.hex()
        if heard["delay_us"] is not None:
            self.delays_us.append(heard["delay_us"])
        self.released_us.append(heard["released_us"])
        return answer[1:-2]

    def read_input_registers(self, address, count, slave):
        pdu = self.ask(slave, struct.pack(">BHH", 4, address, count))
        if pdu is None or pdu[0] != 4:
            return Answer()
        assert pdu[1] == 2 * count
        return Answer(struct.unpack(f">{count}H", pdu[2:]))

    def write_registers(self, address, values, slave):
        head = struct.pack(">BHHB", 16, address, len(values), 2 * len(values))
        pdu = self.ask(slave, head + struct.pack(f">{len(values)}H", *values))
        return Answer([]) if pdu is not None and pdu == head[:5] else Answer()

    def write_register(self, address, value, slave):
        pdu = struct.pack(">BHH", 6, address, value)
        return Answer([]) if self.ask(slave, pdu) == pdu else Answer()

    def close(self):
        pass


class PicoBoard(SlotBoard):
    """What the tests of updates do with the board of QEMU, with this one."""

    def __init__(self, folder):  # pylint: disable=super-init-not-called
        self.log = open(folder / "machine.log", "wb")  # pylint: disable=consider-using-with
        self.child = subprocess.Popen(["node", MACHINE], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.client = Master(self.machine)

    def machine(self, operation, **arguments):
        self.child.stdin.write(json.dumps({"op": operation, **arguments}) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        assert line, "the machine ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        if answer.get("cut"):
            raise PowerCut
        return answer

    def set(self, **values):
        self.machine("set", values=values)

    def run(self, seconds):
        self.machine("run", ms=seconds * 1000)

    def state(self):
        return self.machine("state")

    def power_on(self):
        self.machine("power_on")

    def power_off(self):
        self.machine("power_off")

    def start(self):
        self.power_on()
        return self.answers()

    def wait(self, condition, what):
        """Each look takes of the board's time, none of ours counts."""
        for _ in range(100):
            value = condition()
            if value:
                return value
        raise AssertionError(what)

    def answers(self):
        """The status, as soon as it answers; it may verify two images before."""
        return self.wait(self.status, "it answers")

    def open_session(self, image_bytes, slot, hardware=HARDWARE):
        return super().open_session(image_bytes, slot, hardware)

    def restart(self):
        self.write(COMMAND, struct.pack(">H", RESTART))
        return self.answers()

    def cut_power(self):
        self.power_off()

    def registers(self, address, count):
        answer = self.client.read_input_registers(address, count, slave=247)
        return None if answer.isError() else answer.registers

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(120)
        finally:
            self.child.kill()
            self.child.stdout.close()
            self.log.close()


