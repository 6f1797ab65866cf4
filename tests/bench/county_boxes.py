# SPDX-License-Identifier: Apache-2.0
"""A hundred gateways that are offered a bad package. Each runs the helper that ships (baiye-upgrade), with
folders of its own; stood in for are apt, dpkg and systemctl, by scripts of a few lines that keep the
installed version in a file, the timer that systemd would run, and the daemon, which sends by the old
version and can't by the new one. What the real apt and dpkg do with the helper: test_upgrade.py."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import threading
import time
import uuid

import garden
from county import Fleet, reading
from garden import wait_until

HELPER = garden.ROOT / "gateway/packaging/baiye-upgrade"
OLD, BAD, TRIAL_S = "1.0", "2.0", 60
FIRST_S, AGAIN_S = 20, 30  # of the timer that the helper arms
MOST_S = 1200  # as long as it may take
STUBS = {
    "dpkg-query": """case "$*" in
*-W*) echo "ii  $(cat $BOX/version)" ;;
*-L*) echo /etc/hostname ;;
*-s*) printf 'Package: baiye\\nStatus: install ok installed\\nVersion: %s\\n' "$(cat $BOX/version)" ;;
esac""",
    "dpkg-deb": """for last; do :; done
case "$*" in
*"-b "*) shift $(($# - 2)); sed -n 's/^Version: //p' "$1/DEBIAN/control" >"$2" ;;
*" Package Version") printf 'Package: baiye\\nVersion: %s\\n' "$(cat "$2")" ;;
*) cat "$2" ;;
esac""",
    "apt-get": """for last; do :; done
case "$*" in
*" download "*) echo "${last#baiye=}" >baiye.deb ;;
*" install "*) cp "$last" $BOX/version ;;
esac""",
    "apt-cache": 'echo "  Candidate: $(cat $BOX/../offer)"',
    "dpkg": """for last; do :; done
case "$*" in
--compare-versions*) exec /usr/bin/dpkg "$@" ;;
*" -i "*) cp "$last" $BOX/version ;;
esac""",
    "systemctl": """case "$*" in
*disable*undo.timer) rm -f $BOX/armed ;;
*enable*undo.timer) touch $BOX/armed ;;
esac""",
    "baiye": f'[ "$2" = "$(cat $BOX/version)" ] && [ "$2" != {BAD} ] && echo ok || '
             'echo "no broker has acknowledged what it sent"',
}


class Box:
    def __init__(self, folder, name):
        self.folder, self.name, self.uuid = folder / name, name, str(uuid.uuid4())
        self.records, self.sent, self.due = [], 0, None
        for sub in ("etc", "state", "units/timers.target.wants"):
            (self.folder / sub).mkdir(parents=True)
        for path, text in (("etc/url", "https://county.example/baiye"), ("etc/key.asc", "a key"),
                           ("etc/trial_s", str(TRIAL_S)), ("version", OLD)):
            (self.folder / path).write_text(text + "\n")
        helper = HELPER.read_text()
        for old, new in (("etc=/etc/baiye/upgrade", f"etc={self.folder}/etc"),
                         ("state=/var/lib/baiye-upgrade", f"state={self.folder}/state"),
                         ("order=/var/lib/baiye/upgrade.order", f"order={self.folder}/order"),
                         ("units=/etc/systemd/system", f"units={self.folder}/units"),
                         ("PATH=/usr/local/sbin", f"PATH={folder}/bin:/usr/local/sbin"),
                         ("[ -d /run/systemd/system ]", f"[ -d {self.folder}/units ]")):
            assert helper.count(old) == 1, old
            helper = helper.replace(old, new)
        (self.folder / "helper").write_text(helper)

    def run(self, what):
        script = self.folder / ("helper" if what == "run" else "state/helper")
        subprocess.run(["sh", script, what], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=600, check=True,
                       env={"BOX": str(self.folder)})
        armed = (self.folder / "armed").exists()
        self.due = time.monotonic() + (FIRST_S if what == "run" else AGAIN_S) if armed else None

    def version(self):
        return (self.folder / "version").read_text().strip()

    def state(self):
        kept = self.folder / "state/state"
        return kept.read_text().split("\n")[0].removeprefix("state ") if kept.exists() else ""


class Boxes(Fleet):
    def __init__(self, folder, broker, count):
        self.folder, self.tried = folder, set()
        (folder / "bin").mkdir(parents=True)
        for name, text in STUBS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "offer").write_text(BAD + "\n")
        self.all = {f"box-{n}": Box(folder, f"box-{n}") for n in range(1, count + 1)}
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.ended = threading.Event()
        super().__init__(broker, asks="upgrade")
        self.timer = threading.Thread(target=self.timers)
        self.timer.start()

    def answer(self, site, method, body):
        """As the daemon: it can only ask the helper to look."""
        box = self.all.get(site)
        if box is None:
            return None  # all are asked, also those of other figures
        (box.folder / "order").write_text("- -\n")
        self.pool.submit(box.run, "run")
        return {"ok": True}

    def timers(self):
        """And their readings, one every two seconds."""
        read_at = 0
        while not self.ended.wait(0.2):
            now = time.monotonic()
            for box in self.all.values():
                if box.due is not None and now >= box.due:
                    box.due = None
                    self.pool.submit(box.run, "look")
            if now >= read_at:
                read_at = now + 2
                self.read()

    def read(self):
        """Each takes a reading, and sends what it has unless its version can't."""
        for box in self.all.values():
            self.tried |= {box.name} if box.version() == BAD else set()
            box.records.append(reading("plot-1", len(box.records) + 1))
            if box.version() == BAD:
                continue
            first, last = box.sent + 1, len(box.records)
            self.publish(box.name, "readings", {"v": 1, "gw": box.uuid, "ids": [first, last],
                                                "readings": box.records[first - 1:]})
            box.sent = last

    def all_beat(self):
        for box in self.all.values():
            undone = {"undone": BAD} if box.state() == "undone" else {}
            self.beat(box.name, box.uuid, last=len(box.records), sent=box.sent, version=box.version(), **undone)

    def rest(self):
        """No more readings."""
        self.ended.set()
        self.timer.join()

    def stop(self):
        self.rest()
        self.pool.shutdown()
        super().stop()


def undone(bench, county, count=100):
    """(gateways that are back, seconds beyond the trial's until the last one was, readings lost or twice)"""
    boxes = Boxes(bench.folder / "boxes", bench.broker, count)
    try:
        boxes.all_beat()
        wait_until(lambda: bench.database.number(
            f"SELECT count(*) FROM gateway WHERE version = '{OLD}' AND site LIKE 'box-%'") == count, 120, "all are heard")
        begin = time.monotonic()
        subprocess.run([garden.program("baiye-county"), county.config, "upgrade", "now", "all"], check=True,
                       stdout=subprocess.DEVNULL)

        def back():
            return [box for box in boxes.all.values() if box.state() == "undone" and box.version() == OLD]
        while len(back()) < count and time.monotonic() < begin + MOST_S:
            boxes.ended.wait(0.2)
        took, back = time.monotonic() - begin, back()
        boxes.rest()
        assert boxes.tried == set(boxes.all), "each has tried it"
        boxes.read()
        boxes.all_beat()
        records = sum(len(box.records) for box in boxes.all.values())
        sites = "SELECT gw FROM gateway WHERE site LIKE 'box-%'"
        wait_until(lambda: bench.database.number(
            f"SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM gateway, unnest(ids) r WHERE gw IN ({sites})") >= records
            and bench.database.number(f"SELECT count(*) FROM gateway WHERE undone = '{BAD}'") == len(back), 300,
            "all has come")
        stored = bench.database.number(f"SELECT count(*) FROM reading JOIN stream ON id = stream WHERE gw IN ({sites})")
        distinct = bench.database.number("SELECT count(*) FROM (SELECT DISTINCT stream, seq FROM reading JOIN stream"
                                         f" ON id = stream WHERE gw IN ({sites})) d")
        return len(back), took - TRIAL_S, records - distinct + stored - distinct
    finally:
        boxes.stop()
