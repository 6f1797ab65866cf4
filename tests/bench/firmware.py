#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the firmware costs on each board: flash, RAM, the deepest stack, and how long the node takes
from the end of the line's silence to the first byte of its answer.

The stack is summed over the call graph that the compiler wrote (-fcallgraph-info=su), from main()
down, with the deepest interrupt handler and a fault on top; what is called through pointers is
listed in INDIRECT, library functions are read off their disassembly. Recursion, a frame of unknown
size or an unlisted call through a pointer is an error. The time is counted in instructions, which
QEMU logs one by one on the LM3S6965 while that answers a request for the whole snapshot, and
computed at 72 MHz with two cycles an instruction: a Cortex-M3 takes 1.3 or so from memory as fast
as itself, and the STM32's flash adds two wait states to what its prefetch misses."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BAIYE_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "integration"))

BOARDS = tuple(sorted(f.parent.name for f in ROOT.glob("boards/*/board.cmake")
                      if f.parent.name != "native"))
LIMITS = {"flash_stm32f103": 40 * 1024, "ram_stm32f103": 8 * 1024,
          "slot_flash_stm32f103": 40 * 1024, "slot_ram_stm32f103": 8 * 1024,
          "build_us": 1750,  # the shortest silence there is
          "answer_us": 1000}
EXCEPTION_FRAME = 32 + 4  # eight words, and one to align
CYCLES_AN_INSTRUCTION = 2
CORE_MHZ = 72

# Who calls through pointers, and the folders or files whose functions it may find there.
INDIRECT = {
    "modbus_serve": ("firmware/node/",),
    "read_registers": ("firmware/node/registers.c", "boards/cortex-m3/update.c"),
    "write_registers": ("firmware/node/registers.c", "boards/cortex-m3/update.c"),
    "node_poll": ("boards/cortex-m3/update.c",),
    "node_self_test": ("boards/cortex-m3/update.c",),
    "node_version": ("boards/cortex-m3/update.c",),
    "sampler_poll": ("firmware/drivers/", "firmware/node/"),
    "sdi12_sensor_poll": ("firmware/drivers/",),
}


def tool(name, *arguments):
    return subprocess.run([f"arm-none-eabi-{name}", *map(str, arguments)], check=True,
                          capture_output=True, text=True).stdout


def sections(image):
    sizes = {}
    for line in tool("size", "-A", image).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1].isdigit():
            sizes[fields[0]] = int(fields[1])
    return sizes


class Graph:
    """Calls and frames of one image. A function is known by its name, a static one by file:name."""

    def __init__(self, board):
        self.folder = BUILD / board
        self.image = self.folder / "bin" / "baiye-node.elf"
        self.frames, self.calls, self.pointed = {}, {}, {}
        symbols = [line.split() for line in tool("nm", self.image).splitlines()]
        code = [fields for fields in symbols if len(fields) == 3 and fields[1] in "TtWw"]
        self.linked = {fields[2] for fields in code}
        self.aliases = {}  # the library calls one division by several names
        for address, _, name in code:
            self.aliases.setdefault(address, []).append(name)
        linked = (self.folder / "baiye-node.map").read_text(encoding="utf-8")
        for path in self.folder.rglob("*.c.ci"):
            if path.with_suffix(".obj").name not in linked or (
                    path.is_relative_to(self.folder / "boards") and
                    str(path.with_suffix(".obj").relative_to(self.folder)) not in linked):
                continue  # of another image or an earlier build
            self.read(path.read_text(encoding="utf-8"))
            self.read_pointers(path)
        self.read_library()

    def read(self, text):
        for title, label in re.findall(r'node: \{ title: "([^"]+)" label: "([^"]+)"', text):
            size = re.search(r"\\n(\d+) bytes \((\w[\w,]*)\)", label)
            if size:
                if size[2] == "dynamic":
                    raise SystemExit(f"firmware: the frame of {title} has no fixed size")
                self.frames[self.short(title)] = int(size[1])
        for source, target in re.findall(r'sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            self.calls.setdefault(self.short(source), set()).add(self.short(target))

    @staticmethod
    def short(title):
        return title.replace(str(ROOT) + "/", "")

    def read_pointers(self, path):
        """Functions whose address some data or code of this object holds."""
        source = next(iter(re.findall(r'graph: \{ title: "([^"]+)"', path.read_text("utf-8"))))
        source = self.short(source)
        relocations = tool("objdump", "-r", path.with_suffix(".obj"))
        section, found = "", set()
        for line in relocations.splitlines():
            if line.startswith("RELOCATION RECORDS FOR"):
                section = line
            elif "R_ARM_ABS32" in line and ".debug" not in section:
                name = re.sub(r"^\.text\.", "", line.split()[-1].split("+")[0])
                found.add(f"{source}:{name}" if f"{source}:{name}" in self.frames else name)
        self.pointed[source] = found

    def read_library(self):
        """Frames and calls of what came without a call graph, from the instructions."""
        name = None
        for line in tool("objdump", "-d", "--no-show-raw-insn", self.image).splitlines():
            head = re.match(r"([0-9a-f]+) <([^>]+)>:", line)
            if head:
                name = head[2]
                known = any(key == name or key.endswith(":" + name) for key in self.frames)
                if known:
                    name = None
                else:
                    self.frames[name], self.calls[name] = 0, set()
                for alias in self.aliases.get(head[1], ()):
                    if name is not None and alias not in self.frames:
                        self.frames[alias], self.calls[alias] = 0, {name}
            elif name:
                self.read_instruction(name, line)

    def read_instruction(self, name, line):
        pushed = re.search(r"\bpush\S*\s+\{([^}]+)\}|\bstmdb\s+sp!, \{([^}]+)\}", line)
        if pushed:
            self.frames[name] += 4 * self.count_registers(pushed[1] or pushed[2])
        lowered = re.search(r"\bsub(?:\.w)?\s+sp, (?:sp, )?#(\d+)", line)
        if lowered:
            self.frames[name] += int(lowered[1])
        called = re.search(r"\bb[lx]?\.?[nw]?\s+[0-9a-f]+ <([^>+]+)>", line)
        if called and called[1] != name:
            self.calls[name].add(called[1])

    @staticmethod
    def count_registers(text):
        total = 0
        for part in text.split(","):
            ends = re.match(r"\s*r(\d+)-r(\d+)", part)
            total += int(ends[2]) - int(ends[1]) + 1 if ends else 1
        return total

    def targets(self, function, path):
        """What it calls. Of what lies in pointers not what is under way already, since no table holds
        its own caller; and of those that call through pointers only modbus_serve() calls others."""
        for target in self.calls.get(function, ()):
            if target != "__indirect_call":
                yield target
                continue
            name = function.split(":")[-1].split(".")[0]
            if name not in INDIRECT:
                raise SystemExit(f"firmware: {function} calls through a pointer; say where to")
            for source, found in self.pointed.items():
                if source.startswith(INDIRECT[name]):
                    yield from (f for f in found if f in self.frames and f not in path and
                                (name == "modbus_serve" or f.split(":")[-1] not in INDIRECT))

    def deepest(self, function, path=()):
        """Bytes and the chain of the deepest stack from this function on."""
        if function in path:
            raise SystemExit("firmware: recursion: " + " > ".join([*path, function]))
        if function not in self.frames:
            raise SystemExit(f"firmware: {function} is called, and nobody knows its frame")
        best = (0, [])
        for target in sorted(set(self.targets(function, path + (function,)))):
            best = max(best, self.deepest(target, path + (function,)), key=lambda found: found[0])
        return self.frames[function] + best[0], [function, *best[1]]

    def worst(self, board):
        main, chain = self.deepest("main")
        handlers = set(self.pointed[f"boards/{board}/vectors.c"]) | (
            {"time_wrapped"} & set(self.frames))  # of boards that count by the system timer
        interrupt, served = max((self.deepest(name) for name in handlers),
                                key=lambda found: found[0])
        fault = self.deepest("life_fault")[0]
        print(f"{board}: deepest stack: " + " > ".join(name.split(":")[-1] for name in chain))
        print(f"{board}: interrupted by: " + " > ".join(name.split(":")[-1] for name in served))
        return main + EXCEPTION_FRAME + interrupt + EXCEPTION_FRAME + fault


def sizes(board, result):
    key = board.split("-")[0]
    graph = Graph(board)
    found = sections(graph.image)
    result[f"flash_{key}"] = sum(found.get(name, 0) for name in (".text", ".ARM.exidx", ".data"))
    result[f"ram_{key}"] = sum(found.get(name, 0) for name in (".stack", ".noinit", ".data", ".bss"))
    result[f"stack_{key}"] = graph.worst(board)
    if result[f"stack_{key}"] > found[".stack"]:
        raise SystemExit(f"firmware: {board} reserves {found['.stack']} bytes of stack, "
                         f"needs {result[f'stack_{key}']}")


def slot_sizes(result):
    """The same program linked for a slot, with what receives updates and a stack in which a
    signature is verified; tests/silicon looks how much of that stack is left."""
    found = sections(BUILD / "stm32f103-rs485" / "bin" / "baiye-node-0.elf")
    result["slot_flash_stm32f103"] = sum(found.get(name, 0)
                                         for name in (".text", ".ARM.exidx", ".data"))
    result["slot_ram_stm32f103"] = sum(found.get(name, 0)
                                       for name in (".stack", ".noinit", ".data", ".bss"))


def counted_instructions():
    """For FC04 of 22 registers: what it takes to build the answer, which happens while the line is
    silent, and then from the end of the silence, where the node wakes, to hal_bus_send()."""
    from emulated import Board  # these need the tests' Python packages
    from garden import wait_until
    from pymodbus.client import ModbusSerialClient
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    board = Board("lm3s6965evb", folder)
    try:
        board.extra = ["-D", str(folder / "trace")]
        board.power_on()
        client = ModbusSerialClient(board.port, baudrate=9600, timeout=3, retries=0)
        assert client.connect()

        def sampled():
            answer = client.read_input_registers(0, 22, slave=247)
            return not answer.isError() and answer.registers[3] > 0

        wait_until(sampled, 15, "a sample")
        board.human("singlestep on")
        board.human("log exec,nochain")
        assert sampled(), "no answer while counting"
        board.human("log none")
        client.close()
    finally:
        board.close()
    trace = (folder / "trace").read_text("ascii", "replace")
    shutil.rmtree(folder, ignore_errors=True)
    functions = [line.split()[-1] for line in trace.splitlines() if line.startswith("Trace ")]
    sent = functions.index("hal_bus_send")
    before = functions[:sent]
    woken = len(before) - 1 - before[::-1].index("hal_sleep")
    while functions[woken - 1] in ("hal_sleep", "timer0_handler"):
        woken -= 1
    heard = len(before) - 1 - before[::-1].index("uart0_handler")
    return woken - heard, sent - woken


def main():
    result = {}
    for board in BOARDS:
        sizes(board, result)
    slot_sizes(result)
    build, answer = counted_instructions()
    print(f"lm3s6965evb: {build} instructions to build an answer, then {answer} to begin it")
    result["build_us"] = round(build * CYCLES_AN_INSTRUCTION / CORE_MHZ)
    result["answer_us"] = round(answer * CYCLES_AN_INSTRUCTION / CORE_MHZ)
    for key, limit in LIMITS.items():
        if result[key] > limit:
            print(f"firmware: {key} is {result[key]}, more than {limit}", file=sys.stderr)
    print("firmware: " + " ".join(f"{key}={value}" for key, value in result.items()))
    return any(result[key] > limit for key, limit in LIMITS.items())


if __name__ == "__main__":
    sys.exit(main())
