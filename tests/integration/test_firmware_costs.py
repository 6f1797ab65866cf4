# SPDX-License-Identifier: Apache-2.0
"""What the firmware may cost, on every board: flash, RAM, the deepest stack, the time to begin an
answer; and that it has no heap and no recursion."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import firmware  # noqa: E402

HEAP = {"malloc", "calloc", "realloc", "free", "_sbrk", "_malloc_r", "_free_r"}


def need(board):
    if not (firmware.BUILD / board / "bin" / "baiye-node.elf").exists():
        pytest.fail(f"not built: {board}")


def graph(frames, calls):
    """A made-up program for the checker itself."""
    made = firmware.Graph.__new__(firmware.Graph)
    made.frames, made.calls, made.pointed = frames, calls, {}
    return made


@pytest.mark.parametrize("board", firmware.BOARDS)
def test_there_is_no_recursion_no_heap_and_room_for_the_stack(board):
    need(board)
    found = firmware.Graph(board)
    assert not HEAP & found.linked
    assert not HEAP & {name.split(":")[-1] for name in found.frames}
    result = {}
    firmware.sizes(board, result)  # ends the program when something is not as it should be
    assert len(result) == 3


def test_the_board_of_the_garden_keeps_its_limits():
    need("stm32f103-rs485")
    result = {}
    firmware.sizes("stm32f103-rs485", result)
    for key, value in result.items():
        assert value <= firmware.LIMITS.get(key, value), key
    assert firmware.LIMITS["flash_stm32f103"] == 40 * 1024
    assert firmware.LIMITS["ram_stm32f103"] == 8 * 1024
    assert firmware.LIMITS["slot_ram_stm32f103"] == 8 * 1024


def test_an_answer_begins_within_a_millisecond_at_72_mhz():
    need("lm3s6965evb")
    _, answer = firmware.counted_instructions()
    assert 0 < answer * firmware.CYCLES_AN_INSTRUCTION / firmware.CORE_MHZ <= 1000


def test_the_checker_sees_what_it_looks_for():
    assert graph({"main": 8, "a": 16, "b": 4}, {"main": {"a", "b"}}).deepest("main")[0] == 24
    with pytest.raises(SystemExit, match="recursion"):
        graph({"main": 8, "a": 8}, {"main": {"a"}, "a": {"main"}}).deepest("main")
    with pytest.raises(SystemExit, match="pointer"):
        graph({"main": 8}, {"main": {"__indirect_call"}}).deepest("main")
    with pytest.raises(SystemExit, match="nobody knows"):
        graph({"main": 8}, {"main": {"hidden"}}).deepest("main")
