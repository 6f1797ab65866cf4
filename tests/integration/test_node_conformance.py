# SPDX-License-Identifier: Apache-2.0
"""The node as masters that know nothing of it see it: pymodbus, mbpoll and raw bytes. The same run
for the native process and for the Cortex-M firmware under QEMU, over the simulated line."""
import os
import select
import struct
import subprocess
import termios
import time

import pytest
from pymodbus.diag_message import (ReturnBusMessageCountRequest, ReturnQueryDataRequest,
                                   ReturnSlaveMessageCountRequest)
from pymodbus.mei_message import ReadDeviceInformationRequest
from pymodbus.other_message import GetCommEventCounterRequest, ReportSlaveIdRequest
from pymodbus.register_read_message import ReadWriteMultipleRegistersRequest
from pymodbus.register_write_message import MaskWriteRegisterRequest

import garden
from emulated import Master

UNIT = 5
PERIOD_S = 2
FIRST_SERIAL = 1000  # baiye-field's numbers count up from there
SEQ, AGE, STATUS = 2, 4, 5
RAW, UNLOCK, COMMIT, PERIOD = 0x0040, 0x0100, 0x0101, 0x0110
LOG_WANTED, LOG_WINDOW, TIME, ADDRESS = 0x0400, 0x0410, 0x0500, 0x07D0
WINDOW, STATISTICS, AWAKE = 0x0111, 0x0200, 0x0073
SERIAL, SDI_COMMAND, SDI_STATE = 0x00C0, 0x0600, 0x0604
WINDOW_HEAD, RECORD_WORDS = 15, 10
UNLOCK_KEY = 0x4241
STATUS_TIME = 1
T35_S = 0.0041


def crc(frame):
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


class Raw:
    """The line's bytes, for what no library sends."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        termios.tcsetattr(self.fd, termios.TCSANOW,
                          [0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0, termios.B9600,
                           termios.B9600, [b"\0"] * 32])

    def send(self, data):
        termios.tcflush(self.fd, termios.TCIFLUSH)
        os.write(self.fd, data)

    def frame(self, unit, pdu):
        self.send((body := bytes([unit]) + pdu) + crc(body))

    def hear(self, seconds=0.6):
        """What comes until the line has been silent for a while; b"" after `seconds` of nothing."""
        heard, wait = b"", seconds
        while select.select([self.fd], [], [], wait)[0]:
            heard += os.read(self.fd, 512)
            wait = 0.05
        return heard

    def ask(self, unit, pdu, seconds=0.6 * garden.SLOWEST):
        """Where nobody is to answer, a shorter time is enough."""
        self.frame(unit, pdu)
        return self.hear(seconds)

    def close(self):
        os.close(self.fd)


class Node:
    def __init__(self, field, kind):
        self.field, self.kind = field, kind
        self.port = field.port("east")
        self.raw = Raw(self.port)
        self.client = Master(self.port)
        assert self.client.connect()

    def read(self, address, count, unit=UNIT):
        answer = self.client.read_input_registers(address, count, slave=unit)
        assert not answer.isError(), answer
        return answer.registers

    def write(self, address, values, unit=UNIT):
        answer = self.client.write_registers(address, values, slave=unit)
        assert not answer.isError(), answer

    def execute(self, request):
        request.unit_id = UNIT
        answer = self.client.execute(request)
        assert not answer.isError(), answer
        return answer

    def read_write(self, first, count, address, values):
        """Function 23. (The client's own method forgets the unit.)"""
        return self.execute(ReadWriteMultipleRegistersRequest(
            read_address=first, read_count=count, write_address=address,
            write_registers=values)).registers

    def window(self, boot, seq):
        return self.read_write(LOG_WINDOW, 125, LOG_WANTED, [boot, seq >> 16, seq & 0xFFFF])

    def log(self, boot, seq):
        """{seq: record} of that boot, window by window."""
        records = {}
        while True:
            window = self.window(boot, seq)
            if window[0] == 0 or window[1] != boot:
                return records
            seq = window[2] << 16 | window[3]
            for i in range(window[0]):
                at = WINDOW_HEAD + i * RECORD_WORDS
                records[seq] = window[at:at + RECORD_WORDS]
                seq += 1

    def exception(self, answer):
        assert answer.isError(), answer
        return answer.exception_code

    def seq(self):
        words = self.read(SEQ, 2)
        return words[0] << 16 | words[1]

    def wait_for_sample(self, seq):
        garden.wait_until(lambda: self.seq() >= seq, 30, f"sample {seq}")

    def set(self, register, value):
        self.write(UNLOCK, [UNLOCK_KEY])
        self.write(register, [value])
        self.write(COMMIT, [1])

    def power(self, on):
        self.field.control("power", line="east", unit=UNIT, on=on)

    def answers(self):
        with self.client.briefly():
            return not self.client.read_input_registers(0, 1, slave=UNIT).isError()

    def close(self):
        self.client.close()
        self.raw.close()


@pytest.fixture(params=["native", "qemu"])
def node(request, site, needs):
    needs("baiye-field", "baiye-node")
    line = {"name": "east", "baud": 9600, "units": [
        {"kind": request.param, "address": UNIT, "period_s": PERIOD_S},
        {"kind": "responder", "address": 9, "registers": 20}]}
    if request.param == "qemu":
        if not (garden.BUILD / "lm3s6965evb" / "bin" / "baiye-node.elf").exists():
            pytest.fail("not built: lm3s6965evb")
        line["silence_ms"] = 20
    made = Node(site.start_field([line]), request.param)
    garden.wait_until(made.answers, 20, "the node answers")
    yield made
    made.close()


def test_every_function_is_answered(node):
    client = node.client
    node.wait_for_sample(1)
    assert node.read(0, 1) == [1]
    assert client.read_holding_registers(0, 1, slave=UNIT).registers == [1]
    assert client.read_discrete_inputs(0, 10, slave=UNIT).bits[0] is True
    assert client.read_coils(0, 1, slave=UNIT).bits[0] is False
    assert not client.write_coil(0, True, slave=UNIT).isError()
    assert client.read_coils(0, 1, slave=UNIT).bits[0] is True
    assert not client.write_coils(0, [False], slave=UNIT).isError()
    assert not client.write_register(UNLOCK, UNLOCK_KEY, slave=UNIT).isError()
    assert not client.write_registers(PERIOD, [9], slave=UNIT).isError()
    assert node.execute(MaskWriteRegisterRequest(PERIOD, 0xFFFE, 0x0002)) is not None
    assert node.read(PERIOD, 1) == [9 & 0xFFFE | 2 & ~0xFFFE]
    assert node.read_write(PERIOD, 1, PERIOD, [7]) == [7]
    assert list(node.execute(ReturnQueryDataRequest([0xA537])).message) == [0xA537]
    before, = node.execute(ReturnSlaveMessageCountRequest()).message
    after, = node.execute(ReturnSlaveMessageCountRequest()).message
    assert after == before + 1
    heard, = node.execute(ReturnBusMessageCountRequest()).message
    assert heard >= after
    assert node.execute(GetCommEventCounterRequest()).count > 5
    identity = node.execute(ReportSlaveIdRequest())
    assert b"Baiye node" in identity.identifier
    objects = node.execute(ReadDeviceInformationRequest(3, 0)).information
    assert objects[0] == b"Baiye" and len(objects[0x80]) == 8


def test_wrong_requests_get_the_standard_exceptions(node):
    client = node.client
    assert node.exception(client.read_input_registers(0x0030, 1, slave=UNIT)) == 2
    assert node.exception(client.read_input_registers(0x001E, 4, slave=UNIT)) == 2
    assert node.exception(client.read_coils(100, 1, slave=UNIT)) == 2
    assert node.exception(client.write_register(0x000A, 1, slave=UNIT)) == 3
    assert node.exception(client.write_register(ADDRESS, 300, slave=UNIT)) == 3
    node.write(UNLOCK, [0])
    assert node.exception(client.write_register(PERIOD, 60, slave=UNIT)) == 4
    for pdu, code in ((b"\x65\x00", 1), (b"\x03\x00\x00\x00\x00", 3), (b"\x03\x00\x00\x00\x7e", 3),
                      (b"\x10\x01\x10\x00\x02\x02\x00\x01", 3)):
        heard = node.raw.ask(UNIT, pdu)
        assert heard[1:3] == bytes([pdu[0] | 0x80, code]), (pdu, heard)


def test_broadcast_is_done_and_not_answered(node):
    now = int(time.time())
    node.raw.frame(0, struct.pack(">BHHBIH", 16, TIME, 3, 6, now, 500))
    assert node.raw.hear() == b""
    words = node.read(TIME, 3)
    assert 0 <= (words[0] << 16 | words[1]) - now <= 5
    assert node.read(STATUS, 1)[0] & STATUS_TIME
    node.raw.frame(0, struct.pack(">BHH", 6, ADDRESS, 77))  # nobody's address by broadcast
    assert node.raw.hear() == b""
    assert node.answers()


def test_node_is_found_by_its_serial_number(node):
    """Fast Modbus: who is there, and a plain request to a serial number."""
    identity = node.read(SERIAL, 2)
    assert identity == [0, FIRST_SERIAL]
    serial = struct.pack(">HH", *identity)
    heard = node.raw.ask(0xFD, b"\x46\x08" + serial + struct.pack(">BHH", 4, 0, 1))
    assert heard[:10] == b"\xfd\x46\x09" + serial + b"\x04\x02\x00", heard
    stranger = struct.pack(">I", int.from_bytes(serial, "big") + 1)
    assert node.raw.ask(0xFD, b"\x46\x08" + stranger + struct.pack(">BHH", 4, 0, 1), 0.6) == b""


def test_each_of_several_nodes_is_spoken_to_by_its_serial_number(site, needs):
    """Native and emulated ones on one line: only the one meant answers, and takes a new address."""
    needs("baiye-field", "baiye-node")
    kinds = ["native", "native", "qemu", "native"]
    field = site.start_field([{"name": "east", "baud": 9600, "silence_ms": 20, "units": [
        {"kind": kind, "address": 1 + i, "period_s": PERIOD_S} for i, kind in enumerate(kinds)]}])
    raw = Raw(field.port("east"))
    try:
        def by_serial(serial, pdu, seconds=0.6 * garden.SLOWEST):
            return raw.ask(0xFD, b"\x46\x08" + struct.pack(">I", serial) + pdu, seconds)
        for i in range(len(kinds)):
            serial = FIRST_SERIAL + i
            head = b"\xfd\x46\x09" + struct.pack(">I", serial)
            garden.wait_until(lambda: raw.ask(1 + i, struct.pack(">BHH", 4, 0, 1)), 20, "an answer")
            heard = by_serial(serial, struct.pack(">BHH", 3, ADDRESS, 1))
            assert heard[:-2] == head + struct.pack(">BBH", 3, 2, 1 + i), heard
            heard = by_serial(serial, struct.pack(">BHH", 6, ADDRESS, 101 + i))
            assert heard[:-2] == head + struct.pack(">BHH", 6, ADDRESS, 101 + i), heard
            heard = by_serial(serial, struct.pack(">BHH", 3, ADDRESS, 1))
            assert heard[:-2] == head + struct.pack(">BBH", 3, 2, 101 + i), heard
        assert by_serial(FIRST_SERIAL + len(kinds), struct.pack(">BHH", 3, ADDRESS, 1), 0.6) == b""
    finally:
        raw.close()


def test_technician_speaks_to_the_probes_through_the_node(node):
    def state():
        return node.read(SDI_STATE, 1)[0]

    node.write(UNLOCK, [UNLOCK_KEY])
    for command, expected in ((b"0I!", b"0"), (b"7!", b"")):
        padded = command.ljust(8, b"\0")
        node.write(SDI_COMMAND, list(struct.unpack(">4H", padded)))
        garden.wait_until(lambda: state() != 1, 20, "the probe's answer")
        answer = struct.pack(">42H", *node.read(SDI_STATE + 1, 42)).rstrip(b"\0")
        assert state() == (2 if expected else 3)
        assert answer.startswith(expected) and bool(answer) == bool(expected), answer


def test_foreign_frames_are_skipped(node):
    """Requests to others, answered and not, back to back with requests to the node."""
    for i in range(30):
        answered = i % 2
        heard = node.raw.ask(9 if answered else 33, struct.pack(">BHH", 3, 0, 1 + i % 20),
                             0.6 * garden.SLOWEST if answered else 0.1)
        assert bool(heard) == bool(answered)
        heard = node.raw.ask(UNIT, struct.pack(">BHH", 4, 0, 1))
        assert heard[:5] == bytes([UNIT, 4, 2, 0, 1]), heard


def test_garbage_between_frames_is_stepped_over(node):
    lost = 0
    for i in range(30):
        node.raw.send(bytes((i * 37 + k * k) & 0xFF for k in range(1 + i % 11)))
        assert node.raw.hear(0.05) == b""
        heard = node.raw.ask(UNIT, struct.pack(">BHH", 4, 0, 1))
        lost += heard[:5] != bytes([UNIT, 4, 2, 0, 1])
    assert lost == 0
    for glitch in (b"\x00", b"\xff", b"\x05\x00"):  # right in front of the request
        body = bytes([UNIT]) + struct.pack(">BHH", 4, 0, 1)
        node.raw.send(glitch + body + crc(body))
        assert node.raw.hear(0.6 * garden.SLOWEST)[:5] == bytes([UNIT, 4, 2, 0, 1])


def test_statistics_are_of_the_window_that_was_set(node):
    """n, min, mean, max and deviation of what the samples showed, over as long as was asked for."""
    factory = node.read(WINDOW, 1)
    node.set(WINDOW, 3 * PERIOD_S)
    assert factory == [600] and node.read(WINDOW, 1) == [3 * PERIOD_S]
    shown = {}

    def window():
        words = node.read(0, 22)
        shown[words[2] << 16 | words[3]] = words[10]
        head = node.read(STATISTICS, 13)
        return head if head[0] != 0 and head[4] >= 2 else None
    words = garden.wait_until(window, 60, "a whole window")
    length, last, n = words[0], words[1] << 16 | words[2], words[4]
    least, mean, most, deviation = struct.unpack(">4i", struct.pack(">8H", *words[5:13]))
    assert 2 <= n <= 4 and length == 3 * PERIOD_S
    values = [struct.unpack(">h", struct.pack(">H", shown[seq]))[0]
              for seq in range(last - n + 1, last + 1) if seq in shown]
    assert len(values) >= n - 1, "seen as they were taken"
    assert least <= min(values) and most >= max(values) and least <= mean <= most
    assert 0 <= deviation <= most - least
    node.power(False)
    node.power(True)
    garden.wait_until(node.answers, 20, "the node answers again")
    assert node.read(WINDOW, 1) == [3 * PERIOD_S], "it was committed"


def test_it_says_how_little_of_its_time_it_is_awake(node):
    # Of all its time since reset; on a busy host it seems awake while it stands still.
    garden.wait_until(lambda: node.read(AWAKE, 1)[0] < 300, 60, "it sleeps most of the time")


def test_snapshot_is_of_one_sample(node):
    """Read flat out over several samples, the measurements change only together with seq."""
    seen = {}
    deadline = time.monotonic() + 4 * PERIOD_S
    while time.monotonic() < deadline:
        words = node.read(0, 22)
        values = (tuple(words[6:9]), tuple(words[10:22]))
        assert seen.setdefault((words[1], words[2], words[3]), values) == values
    assert len(seen) >= 3


def test_log_gives_back_what_the_snapshots_showed(node):
    shown = {}
    node.wait_for_sample(1)
    while len(shown) < 4:
        words = node.read(0, 22)
        shown[words[2] << 16 | words[3]] = words
    boot, first = words[1], min(shown)
    records = node.log(boot, first)
    assert sorted(records) == list(range(first, max(records) + 1))
    for seq, words in shown.items():
        bits = "".join(f"{word:016b}" for word in records[seq])
        # one 0 bit, then 14 bits of air temperature in steps of 0.01 from -60, and 2 of its flag
        assert int(bits[1:15], 2) - 6000 == words[10]
    window = node.window(boot, first)
    # The same in the way of cheap tools: function 16, then function 3.
    node.write(LOG_WANTED, [boot, first >> 16, first & 0xFFFF])
    assert node.client.read_holding_registers(LOG_WINDOW, 15 + RECORD_WORDS,
                                              slave=UNIT).registers[1:4] == window[1:4]


def test_settings_log_and_boot_count_survive_a_power_cut(node):
    node.wait_for_sample(3)
    node.set(PERIOD, 3)
    boot, seq = node.read(1, 1)[0], node.seq()
    node.power(False)
    assert not node.answers()
    node.power(True)
    garden.wait_until(node.answers, 20, "the node answers again")
    assert node.read(1, 1) == [boot + 1]
    assert node.read(PERIOD, 1) == [3]
    assert set(node.log(boot, 1)) >= set(range(1, seq + 1))


def test_mbpoll_reads_and_writes(node):
    def mbpoll(*arguments):
        result = subprocess.run(["mbpoll", "-m", "rtu", "-a", str(UNIT), "-b", "9600", "-P", "none",
                                 "-0", "-1", "-q", *arguments], capture_output=True, text=True,
                                timeout=120, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    node.client.close()
    assert "[0]: \t1" in mbpoll("-t", "3", "-r", "0", "-c", "22", node.port)
    assert "[9]: " in mbpoll("-t", "4", "-r", "0", "-c", "10", node.port)
    mbpoll("-t", "4", "-r", str(UNLOCK), node.port, str(UNLOCK_KEY))
    mbpoll("-t", "4", "-r", str(PERIOD), node.port, "4")
    assert f"[{PERIOD}]: \t4" in mbpoll("-t", "4", "-r", str(PERIOD), "-c", "1", node.port)
    assert "[0]: \t" in mbpoll("-t", "1", "-r", "0", "-c", "10", node.port)
