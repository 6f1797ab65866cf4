# SPDX-License-Identifier: Apache-2.0
"""Updates over the bus on an emulated Cortex-M3: boot loader, two signed slots, trial, confirm, and
the power cut (SIGKILL) at random moments. The flash is a file that outlives the emulator."""
import pathlib
import random
import shutil
import struct
import tempfile
import threading

import pytest

import garden
from slotboard import (BAD_HASH, BAD_SIGNATURE, BLOCK_SIZE, COMMAND, CONFIRM, ERASING,
                       FOREIGN_BLOCK, HARDWARE, IN_SLOT_1, NOT_NEWER, NOT_ON_TRIAL,
                       ON_TRIAL, OPEN, READY,
                       RECEIVE_RUNNING_SLOT, RECEIVE_WRONG_HARDWARE, REJECTED, RESTART, REVERT,
                       SlotBoard, TESTED, WRONG_HARDWARE, sign)


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def board(folder):
    made = SlotBoard(folder, sign(folder, "1.0.0")[0])
    yield made
    made.client.close()
    made.close()


def test_an_update_is_tried_confirmed_and_kept(board, folder):
    assert board.start()["version"] == "1.0.0"
    image = sign(folder, "1.0.1")[1]
    board.transfer(image, 1)
    status = garden.wait_until(board.finished, 20, "the image is verified")
    assert status["bits"] & READY, status
    status = board.restart()
    assert status["version"] == "1.0.1" and status["bits"] & (ON_TRIAL | IN_SLOT_1) == 33
    garden.wait_until(lambda: board.status()["bits"] & TESTED, 20, "its first sample")
    assert board.status()["bits"] >> 8 == 0, "its self-test passed"
    assert board.write(COMMAND, struct.pack(">H", CONFIRM))
    for _ in range(4):  # more starts than a trial has
        board.cut_power()
        status = board.start()
        assert status["version"] == "1.0.1" and not status["bits"] & ON_TRIAL


def test_an_update_that_nobody_confirms_is_given_up(board, folder):
    board.start()
    board.transfer(sign(folder, "1.0.1")[1], 1)
    garden.wait_until(board.finished, 20, "the image is verified")
    assert board.restart()["version"] == "1.0.1"
    for _ in range(2):
        board.cut_power()
        assert board.start()["version"] == "1.0.1"
    board.cut_power()
    status = board.start()
    assert status["version"] == "1.0.0" and status["bits"] & REJECTED


def test_an_update_that_is_sent_back_is_given_up_at_once(board, folder):
    board.start()
    board.transfer(sign(folder, "1.0.1")[1], 1)
    garden.wait_until(board.finished, 20, "the image is verified")
    assert board.write(COMMAND, struct.pack(">H", REVERT))
    assert board.status()["result"] == NOT_ON_TRIAL
    assert board.restart()["version"] == "1.0.1"
    assert board.write(COMMAND, struct.pack(">H", REVERT)), "answered before the restart"
    status = garden.wait_until(board.answers, 20, "the node answers after its restart")
    assert status["version"] == "1.0.0" and status["bits"] & REJECTED


def open_id(board):
    status = board.status()
    return status["id"] if status["bits"] & OPEN else None


def checked(board):
    status = board.status()
    return status if status and not status["bits"] & ERASING else None


def test_what_is_not_for_it_is_refused_with_a_reason(board, folder):
    board.start()
    good = sign(folder, "1.0.1")
    assert board.open_session(good[1], 1, HARDWARE + 1)["result"] == RECEIVE_WRONG_HARDWARE
    assert board.open_session(good[0], 0)["result"] == RECEIVE_RUNNING_SLOT
    flipped = bytearray(good[1])
    flipped[5000] ^= 4
    blocks = 3  # of another image, as if somebody played back what was heard on the line
    board.open_session(good[1], 1)
    garden.wait_until(lambda: board.status()["bits"] & OPEN, 20, "the session stands")
    old = good[1][:64] + bytes(8) + good[1][72:]  # another image's signature
    for number in range(blocks):
        board.send_block(old, number)
        assert board.status()["result"] == FOREIGN_BLOCK
    assert board.status()["missing"] == (len(good[1]) + BLOCK_SIZE - 1) // BLOCK_SIZE
    forged = bytearray(sign(folder, "1.0.3")[1])
    forged[16] ^= 1  # the security counter
    foreign = sign(folder, "1.0.2", hardware=HARDWARE + 1)[1]
    board.transfer(bytes(flipped), 1)
    assert garden.wait_until(board.finished, 20, "the verdict")["result"] == BAD_HASH
    # These are known by their heads: no page is erased for them.
    board.open_session(good[1], 1)
    stands = garden.wait_until(lambda: open_id(board), 20, "the session stands")
    older = sign(folder, "0.9.9")[1]  # with the same counter, heard or kept from earlier
    for image, reason in ((bytes(forged), BAD_SIGNATURE), (foreign, WRONG_HARDWARE),
                          (older, NOT_NEWER)):
        board.open_session(image, 1)
        verdict = garden.wait_until(lambda: checked(board), 20, "the verdict")
        assert verdict["result"] == reason and verdict["id"] == stands
    board.cut_power()
    assert board.start()["version"] == "1.0.0"


class Life:
    """A gateway that brings one release after the other, until the power goes."""

    def __init__(self, board, folder, chance):
        self.board, self.folder, self.chance = board, folder, chance
        self.images = {"1.0.0": sign(folder, "1.0.0")}
        self.resumed = self.confirmed = self.reverted = 0

    def newer(self, version):
        made = f"1.0.{int(version.split('.')[2]) + 1}"
        if made not in self.images:
            self.images[made] = sign(self.folder, made)
        return self.images[made]

    def alive(self):
        return self.board.child.poll() is None

    def until_the_power_goes(self):
        first = True
        while self.alive():
            status = self.board.answers()
            if status is None:
                continue
            assert status["version"] in self.images, status
            self.step(status, first)
            first = False

    def step(self, status, first):
        bits = status["bits"]
        if bits & ON_TRIAL:
            if self.chance.random() < 0.7:
                self.confirmed += self.board.write(COMMAND, struct.pack(">H", CONFIRM))
            elif self.chance.random() < 0.5:
                self.reverted += self.board.write(COMMAND, struct.pack(">H", REVERT))
        elif bits & READY:
            self.board.write(COMMAND, struct.pack(">H", RESTART))
        elif not bits & ERASING:
            self.transfer(status, first)

    def transfer(self, status, first):
        slot = 0 if status["bits"] & IN_SLOT_1 else 1
        image = self.newer(status["version"])[slot]
        blocks = (len(image) + BLOCK_SIZE - 1) // BLOCK_SIZE
        if not status["bits"] & OPEN or status["id"] != image[64:68]:
            self.board.open_session(image, slot)
            return
        self.resumed += first and 0 < status["missing"] < blocks
        for number in self.board.missing(blocks)[:50]:
            if not self.board.send_block(image, number):
                return


def test_power_cuts_at_random_moments_never_brick_it(board, folder):
    """SIGKILL at any moment of updates that go on all the time: it always starts with one of the
    images that were sent, and the updates get on."""
    chance = random.Random(11)
    life = Life(board, folder, chance)
    cuts = 200 if garden.FULL else 8
    board.start()
    for _ in range(cuts):
        power = threading.Timer(chance.uniform(0, 3), board.child.kill)
        power.start()
        life.until_the_power_goes()
        power.join()
        board.cut_power()
        board.start()
    assert life.resumed > 0, "no transfer was resumed"
    if garden.FULL:
        print(f"cuts={cuts} resumed={life.resumed} confirmed={life.confirmed} "
              f"reverted={life.reverted}")
        assert life.confirmed > 10 and life.reverted > 1
