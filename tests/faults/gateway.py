# SPDX-License-Identifier: Apache-2.0
"""The gateway without buses (gateway.c), asked and driven by lines of JSON."""
import json
import os
import select
import signal
import subprocess

import garden


class Gateway:
    def __init__(self, folder, *arguments, shim=None, store=None, environment=None):
        self.store = store or folder / "readings.db"
        self.log_path = folder / "gateway.log"
        self.shim = folder / "shim"
        self.shim.write_text(shim or "")
        self.arguments = [str(garden.program("fault-gateway")), "--store", str(self.store),
                          *(str(a) for a in arguments)]
        self.environment = {**os.environ, "BAIYE_CLOCK": "trusted", **(environment or {})}
        if shim is not None:
            self.environment["LD_PRELOAD"] = self._preloads()
            self.environment["BAIYE_SHIM"] = str(self.shim)
        self.child = None
        self.boot = None
        self.start()

    def _preloads(self):
        """The shim; behind a sanitizer's own library when there is one."""
        shim = str(garden.BUILD / "lib" / "fault-shim.so")
        linked = subprocess.run(["ldd", self.arguments[0]], capture_output=True, text=True).stdout
        runtime = [line.split("=>")[1].split()[0] for line in linked.splitlines()
                   if "libasan" in line]
        return " ".join(runtime + [shim])

    @staticmethod
    def broker_arguments(broker):
        return ["--broker", broker.port, "--user", "gateway",
                "--password-file", broker.password_file("gateway")]

    def start(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=log, bufsize=0,
                                          env=self.environment)
        hello = self.answer(20)
        self.boot, self.gw = hello["boot"], hello["gw"]

    def answer(self, seconds=10):
        assert select.select([self.child.stdout], [], [], max(seconds, garden.LEAST_S) * garden.SLOWEST)[0], \
            f"no answer; log: {self.log()}"
        line = self.child.stdout.readline()
        assert line, f"the gateway ended: {self.log()}"
        return json.loads(line)

    def ask(self, command, seconds=10):
        self.child.stdin.write(command.encode() + b"\n")
        return self.answer(seconds)

    def stats(self):
        return self.ask("stats")

    def put(self, count):
        return self.ask(f"put {count}")["taken"]

    def wait_stored(self, count, seconds=20):
        garden.wait_until(lambda: self.stats()["stored"] >= count, seconds, f"{count} stored")

    def wait_state(self, state, seconds=20, broker=0):
        garden.wait_until(lambda: self.stats()["brokers"][broker]["state"] == state, seconds,
                          f"broker is {state}: {self.stats()}")

    def wait_why(self, text, seconds=20, broker=0):
        """Until it says so of a broker that is no good."""
        garden.wait_until(lambda: text in self.stats()["brokers"][broker]["why"], seconds,
                          f"{text}: {self.stats()}")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def kill(self):
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        if self.child is not None:
            self.child.wait(120)
            self.child.stdin.close()
            self.child.stdout.close()
            self.child = None

    def quit(self, seconds=10):
        self.child.stdin.write(b"quit\n")
        code = self.child.wait(max(seconds, garden.LEAST_S) * garden.SLOWEST)
        self.kill()
        return code


def assert_true(readings):
    """Every value is the one that was taken for that (device, seq)."""
    for (_device, _boot, seq), reading in readings.items():
        assert reading["values"]["air_temperature"] == seq / 100, reading
        assert reading["values"]["soil_conductivity"] == seq % 20000, reading


def assert_in_order(watcher):
    """Per device the first arrivals of each boot are in order of their numbers."""
    for device, order in watcher.order.items():
        assert order == sorted(order), f"{device}: out of order"


def wait_all(watcher, count, seconds=30):
    garden.wait_until(lambda: watcher.count() >= count, seconds,
                      f"{count} readings at the consumer, {watcher.count()} came")
    assert watcher.count() == count
    assert_true(watcher.copy())
