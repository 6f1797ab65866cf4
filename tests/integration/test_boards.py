# SPDX-License-Identifier: Apache-2.0
"""The node's firmware on its emulated boards: boots, measures, answers real Modbus masters, keeps
its settings over a power cut, sleeps when there is nothing to do, and comes back from a hang."""
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

import garden
from emulated import Board, Debugger, Master, symbol, wait_for_text

FACTORY_ADDRESS = 247
SNAPSHOT = 22
UNLOCK, COMMIT, PERIOD = 0x0100, 0x0101, 0x0110
NO_VALUE = 0x8000
FLAG_ABSENT = 4
LOG_WANTED, LOG_WINDOW = 0x0400, 0x0410
UPTIME, RESET_CAUSE, FAULT, AWAKE = 0x0060, 0x0064, 0x006C, 0x0073
CAUSE_WATCHDOG, CAUSE_FAULT = 3, 5
BRANCH_TO_ITSELF, UNDEFINED = bytes.fromhex("fee7"), bytes.fromhex("00de")  # Thumb code


@pytest.fixture(params=["lm3s6965evb", "mps2-an385"])
def board(request):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    if not (garden.ROOT / "build" / request.param / "bin" / "baiye-node.elf").exists():
        pytest.fail(f"not built: {request.param}")
    made = Board(request.param, folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def master(board):
    client = Master(board.port)
    assert client.connect()
    yield client
    client.close()


def registers(client, address, count, unit=FACTORY_ADDRESS):
    answer = client.read_input_registers(address, count, slave=unit)
    return None if answer.isError() else answer.registers


def registers_soon(client, address, count):
    """As above; the board may be starting."""
    with client.briefly():
        return registers(client, address, count)


def write(client, address, value, unit=FACTORY_ADDRESS):
    answer = client.write_register(address, value, slave=unit)
    assert not answer.isError(), answer


def snapshot(client, at_least, seconds=15):
    """The first snapshot whose sample number is at least `at_least`."""
    def look():
        words = registers_soon(client, 0, SNAPSHOT)
        return words if words and (words[2] << 16 | words[3]) >= at_least else None
    return garden.wait_until(look, seconds, f"sample {at_least}")


def logged(client, boot, seq):
    """The log's window from that sample on."""
    answer = client.write_registers(LOG_WANTED, [boot, seq >> 16, seq & 0xFFFF],
                                    slave=FACTORY_ADDRESS)
    assert not answer.isError(), answer
    return registers(client, LOG_WINDOW, 125)


def flag(words, channel):
    return words[6 + channel // 4] >> 4 * (channel % 4) & 15


def test_it_boots_and_measures_what_its_sensors_say(board, master):
    board.power_on()
    wait_for_text(board.console, f"baiye-node\r\n{board.name}\r\n", 5)
    board.set_air(18.25)
    words = snapshot(master, 1)
    assert words[0] == 1 and words[1] == 1
    write(master, UNLOCK, 0x4241)
    write(master, PERIOD, 1)
    write(master, COMMIT, 1)
    words = snapshot(master, (words[2] << 16 | words[3]) + 2)
    assert [flag(words, channel) for channel in range(5)] == [0, 0, 0, 0, 0]
    assert words[10:15] == [1825, 7631, 3044, 1820, 120]
    board.set_air(-5.125)
    words = snapshot(master, (words[2] << 16 | words[3]) + 2)
    assert words[10] == 0x10000 - 513


def test_a_probe_that_falls_silent_is_absent_and_comes_back(board, master):
    board.power_on()
    words = snapshot(master, 1)
    write(master, UNLOCK, 0x4241)
    write(master, PERIOD, 2)
    write(master, COMMIT, 1)
    soil = board.probes.values.pop("0")
    words = snapshot(master, (words[2] << 16 | words[3]) + 2, 25)
    assert words[12:14] == [NO_VALUE, NO_VALUE] and flag(words, 2) == FLAG_ABSENT
    assert words[11] == 7631 and flag(words, 1) == 0
    board.probes.values["0"] = soil
    words = snapshot(master, (words[2] << 16 | words[3]) + 2, 25)
    assert words[12] == 3044 and flag(words, 2) == 0


def test_settings_and_boot_count_survive_a_power_cut(board, master):
    board.power_on()
    snapshot(master, 1)
    write(master, UNLOCK, 0x4241)
    write(master, PERIOD, 17)
    write(master, COMMIT, 1)
    board.power_off()
    board.power_on()
    words = garden.wait_until(lambda: registers_soon(master, 0, SNAPSHOT), 10, "an answer")
    assert words[1] == 2 and words[9] == 17


def test_it_sleeps_between_events(board, master):
    board.power_on()
    snapshot(master, 1)
    before, start = board.cpu_seconds(), time.monotonic()
    time.sleep(3)  # what is measured
    busy = (board.cpu_seconds() - before) / (time.monotonic() - start)
    assert busy < 0.05
    # What it says itself, of all its time since reset: the longer nobody asks, the less. A busy host
    # makes it look awake while it stands still.
    garden.wait_until(lambda: (registers(master, AWAKE, 1) or [1000])[0] < 200, 60,
                      "it says that it sleeps")


def restarted(board, master, code, seconds):
    """The snapshot after something went wrong in the main loop, and the cause it gives."""
    board.power_on()
    snapshot(master, 1)
    with board.spoiled("node_poll", code):
        garden.wait_until(lambda: board.starts() > 1, seconds, "a restart")

    def look():
        words = registers_soon(master, 0, SNAPSHOT)
        return words if words and words[1] > 1 else None
    garden.wait_until(look, 10, "an answer")
    return registers(master, RESET_CAUSE, 1)[0]


def test_a_program_that_hangs_is_restarted_by_the_watchdog(board, master):
    assert restarted(board, master, BRANCH_TO_ITSELF, 12) == CAUSE_WATCHDOG


def test_a_processor_fault_restarts_it_and_says_where(board, master):
    assert restarted(board, master, UNDEFINED, 5) == CAUSE_FAULT
    words = registers(master, FAULT, 6)
    assert words[0] << 16 | words[1] == board.symbol("node_poll")


@pytest.mark.parametrize("wrap_s", [2**32 / 10**6, 2**32 / 1000], ids=["us", "ms"])
def test_it_outlives_the_wraps_of_32_bit_clocks(board, master, wrap_s):
    """The same image as ever, its clock begun shortly before 2^32 us (71.6 minutes) and
    2^32 ms (49.7 days): samples keep their period, their order and their places in the log."""
    board.power_on_at(wrap_s - 8)

    def uptime():
        words = registers_soon(master, UPTIME, 2)
        return words[0] << 16 | words[1] if words else 0
    garden.wait_until(uptime, 20, "an answer")
    assert uptime() < wrap_s, "began too late to cross the wrap"
    write(master, UNLOCK, 0x4241)
    write(master, PERIOD, 1)
    write(master, COMMIT, 1)
    garden.wait_until(lambda: uptime() > wrap_s + 3, 40, "the wrap")
    board.set_air(21.5)
    words = snapshot(master, 1)
    words = snapshot(master, (words[2] << 16 | words[3]) + 2)
    assert words[1] == 1 and words[9] == 1 and words[4] < 30
    assert words[10] == 2150 and flag(words, 0) == 0
    newest = words[2] << 16 | words[3]
    window = logged(master, 1, newest - 5)
    assert window[1] == 1 and window[0] > 0
    assert newest - 5 <= (window[2] << 16 | window[3]) <= newest


def test_mbpoll_reads_it_and_an_unknown_register_is_an_exception(board, master):
    board.power_on()
    snapshot(master, 1)
    master.close()
    mbpoll = ["mbpoll", "-m", "rtu", "-a", str(FACTORY_ADDRESS), "-b", "9600", "-P", "none", "-o", "1",
              "-0", "-1", "-q"]
    run = subprocess.run([*mbpoll, "-t", "3", "-r", "0", "-c", "22", board.port],
                         capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("[") >= SNAPSHOT
    run = subprocess.run([*mbpoll, "-t", "3", "-r", "9000", "-c", "1", board.port],
                         capture_output=True, text=True, timeout=120, check=False)
    assert "Illegal data address" in run.stdout + run.stderr


def test_the_board_of_the_garden_runs_as_far_as_it_is_emulated():
    """QEMU has an STM32 value line part with a processor, its system timer and USARTs; no clocks,
    pins, DMA, timers, ADC, RTC, watchdog or identity. So nobody can ask it anything, but one sees
    the image start, find its clocks dead within bounds, speak on its console, and get over
    a memory that does not answer to its loop, without a fault or a restart."""
    image = garden.ROOT / "build" / "stm32f103-rs485" / "bin" / "baiye-node.elf"
    if not image.exists():
        pytest.fail("not built: stm32f103-rs485")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    console, stub = folder / "console", folder / "gdb"
    child = subprocess.Popen(["qemu-system-arm", "-M", "stm32vldiscovery", "-display", "none",
                              "-nodefaults", "-monitor", "none", "-kernel", str(image),
                              "-serial", "null", "-serial", "null", "-serial", f"file:{console}",
                              "-S", "-gdb", f"unix:{stub},server=on,wait=off"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        garden.wait_until(lambda: garden.listens(stub), 10, "the debugger stub")
        with Debugger(stub) as ask:
            for function in ("node_init", "node_poll", "black_box_poll"):
                place = f"Z0,{symbol(image, function):x},2"
                assert ask(place) == "OK"
                ask("c")
                registers_now = ask("g")
                stands_at = int.from_bytes(bytes.fromhex(registers_now[15 * 8:16 * 8]), "little")
                assert stands_at == symbol(image, function), function
                assert ask(place.replace("Z", "z")) == "OK"
        assert console.read_bytes() == b"baiye-node\r\nstm32f103-rs485\r\n"
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)
