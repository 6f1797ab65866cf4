# SPDX-License-Identifier: Apache-2.0
"""Faults of the disk: polling and live values go on, what fits in memory is kept, an alert stands,
and the store comes back by itself."""
import pathlib
import time

import garden
import pytest
from gateway import Gateway, assert_in_order, assert_true, wait_all


def connected(broker):
    return Gateway.broker_arguments(broker)


@pytest.mark.parametrize("fault", ["full", "eio", "readonly"])
def test_a_disk_that_takes_no_writes(fault, broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 80, shim="")
    garden.wait_until(lambda: watcher.count() > 50, 10, "readings flow")
    gateway.shim.write_text(fault)
    garden.wait_until(lambda: not gateway.stats()["available"], 10, "the fault is noticed")
    garden.wait_until(lambda: watcher.retained.get("alert/store"), 5, "an alert")
    seqs = {device: live["seq"] for device, live in watcher.live.items()}
    garden.wait_until(lambda: all(live["seq"] > seqs[device] + 15
                                  for device, live in watcher.live.items()), 5, "live goes on")
    stats = gateway.stats()
    assert stats["taken"] > stats["stored"] + 50
    gateway.shim.write_text("")
    gateway.wait_stored(stats["taken"], 15)
    gateway.ask("rate 0")
    wait_all(watcher, gateway.stats()["taken"])
    assert_in_order(watcher)
    stats = gateway.stats()
    assert stats["lost"] == 0 and stats["duplicates"] == 0
    garden.wait_until(lambda: watcher.retained.get("alert/store") == b"", 10, "the alert ends")


def test_slow_fsync_delays_neither_polling_nor_live(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--rate", 8, shim="")
    gateway.wait_state("up")
    gateway.shim.write_text("fsync_ms=3600000")  # longer than all that follows may take
    garden.wait_until(lambda: gateway.stats()["taken"] > gateway.stats()["stored"] + 16, 20, "it stands")
    for _ in range(30 if garden.FULL else 3):
        first = gateway.stats()["taken"] // 8 + 1  # of now: were it waited for, none of them would come
        garden.wait_until(lambda: len(watcher.live) == 8 and all(
            live["seq"] > first for live in list(watcher.live.values())), 20, "live values of now")
    stats = gateway.stats()
    assert stats["taken"] > stats["stored"] + 16, "it stands still"
    gateway.ask("rate 0")
    gateway.shim.write_text("")
    wait_all(watcher, gateway.stats()["taken"])
    assert gateway.stats()["lost"] == 0


def test_what_does_not_fit_in_memory_is_told_as_a_gap(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*connected(broker), "--every", 10000, shim="")
    gateway.wait_state("up")
    gateway.put(80)
    wait_all(watcher, 80)
    gateway.shim.write_text("full")
    gateway.put(160000)  # ten megabytes: far beyond the buffer of so slow a site
    lost = gateway.stats()["lost"]
    assert lost > 1000
    gateway.shim.write_text("")
    taken = gateway.stats()["taken"]
    gateway.wait_stored(taken - lost, 30)
    gateway.put(8)
    garden.wait_until(lambda: watcher.count() == taken - lost + 8, 60,
                      f"the rest, {watcher.count()} of {taken - lost + 8}")
    assert_true(watcher.copy())
    missing = 0
    for device in range(8):
        have = {seq for name, _, seq in watcher.copy() if name == f"plot-{device}"}
        hole = set(range(1, max(have) + 1)) - have
        told = {seq for _, seq in watcher.gap_seqs(f"plot-{device}")}
        assert hole <= told, "a hole that no gap tells of"
        missing += len(hole)
    assert missing == lost


def test_the_quota_drops_the_oldest_and_says_so(broker, gateways, watchers):
    gateway = gateways(*connected(broker), "--max-size", 1 << 20)  # the broker is away
    for _ in range(100):  # what the broker misses stays until 95 % are used
        gateway.put(1000)
        time.sleep(0.05)  # commits of a size that a real site has
    gateway.wait_stored(30000, 30)
    garden.wait_until(lambda: gateway.stats()["dropped"] > 0, 30, "the oldest are dropped")
    assert gateway.store.stat().st_size <= 1 << 20
    broker.start()
    watcher = watchers(broker)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 60, "drained")
    assert_true(watcher.copy())

    def holes_told():
        for device in range(8):
            have = {seq for name, _, seq in watcher.copy() if name == f"plot-{device}"}
            told = {seq for _, seq in watcher.gap_seqs(f"plot-{device}")}
            if not set(range(1, max(have) + 1)) <= have | told:
                return False
        return True

    garden.wait_until(holes_told, 20, "every hole told by a gap: at most every 10 s")
    assert all(gap["why"] == "quota" for gap in watcher.gaps)


def corrupt(path, offsets, junk=b"\xa5" * 600):
    with open(path, "r+b") as file:
        for offset in offsets:
            file.seek(offset)
            file.write(junk)


def readings_in(path):
    """Where a file has pages that are the inside of batches. Of so few batches nearly all would be
    lost with a page of the tree, and where those lie depends on how fast the machine commits."""
    data = path.read_bytes()
    return [at for at in range(0, len(data), 2048) if data[at] == 0]


def test_a_damaged_file_is_replaced_and_salvaged(broker, gateways, watchers):
    gateway = gateways(*connected(broker))  # the broker is away: nothing is delivered
    for _ in range(100):
        gateway.put(100)
        time.sleep(0.02)
    gateway.wait_stored(10000)
    assert gateway.quit() == 0
    pages = readings_in(gateway.store)
    corrupt(gateway.store, [pages[len(pages) * i // 7] + 700 for i in range(2, 7)])
    began = time.monotonic()
    gateway.start()
    gateway.put(8)
    gateway.wait_stored(8, 10)
    assert time.monotonic() - began < 60
    broker.start()
    watcher = watchers(broker)
    garden.wait_until(lambda: gateway.stats()["salvaged"] > 2000, 30, "some were salvaged")
    garden.wait_until(lambda: watcher.count() >= gateway.stats()["salvaged"], 30,
                      "what was salvaged arrives")
    assert_true(watcher.copy())

    def holes_told():
        for device in range(8):
            have = {seq for name, boot, seq in watcher.copy()
                    if name == f"plot-{device}" and boot == gateway.boot - 1}
            told = {seq for boot, seq in watcher.gap_seqs(f"plot-{device}")}
            if not set(range(min(have), max(have) + 1)) <= have | told:
                return False
        return True

    garden.wait_until(holes_told, 10, "every hole told by a gap")
    assert all(gap["why"] == "damaged" for gap in watcher.gaps)


@pytest.mark.parametrize("damage", ["header", "empty", "cut", "garbage"])
def test_no_damage_keeps_it_from_starting(damage, broker, gateways, watchers):
    gateway = gateways(*connected(broker))
    gateway.put(2000)
    gateway.wait_stored(2000)
    assert gateway.quit() == 0
    path = pathlib.Path(gateway.store)
    if damage == "header":
        corrupt(path, [0])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    else:
        path.write_bytes(bytes(range(256)) * 200)
    boot = gateway.boot
    gateway.start()
    assert gateway.boot > boot, "a boot count is never used twice"
    broker.start()
    watcher = watchers(broker)
    gateway.put(80)
    garden.wait_until(lambda: sum(1 for key in watcher.copy() if key[1] == gateway.boot) == 80, 20,
                      "new readings arrive")
    assert_true(watcher.copy())
