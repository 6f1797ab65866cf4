# SPDX-License-Identifier: Apache-2.0
"""`baiye update` as a technician calls it, and the daemon's method behind it."""
import json
import socket
import subprocess

import garden


class Updater:
    def __init__(self, site):
        self.site = site

    def command(self, *arguments):
        return [garden.program("baiye"), "update", "--socket", self.site.folder / "baiyed.sock",
                *arguments]

    def update(self, *arguments):
        """Exit code, and what it printed."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def begin(self, *arguments):
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def progress(self):
        """One progress line of the update under way, None when there is none."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            try:
                client.connect(str(self.site.folder / "baiyed.sock"))
                client.sendall(b'{"id":1,"method":"update","params":{}}\n')
                with client.makefile() as lines:
                    return json.loads(lines.readline() or "{}").get("progress")
            except OSError:
                return None

    def ask(self, params, method="update"):
        """The daemon's last word to one call of a method."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(120)
            client.connect(str(self.site.folder / "baiyed.sock"))
            client.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode() +
                           b"\n")
            with client.makefile() as lines:
                return next(answer for answer in map(json.loads, lines)
                            if "progress" not in answer)

    def wait_for(self, phase, permille=0, bus=None):
        def reached():
            now = self.progress()
            return (now is not None and now["phase"] == phase and now["permille"] >= permille and
                    bus in (None, now["bus"]))
        garden.wait_until(reached, 60, f"the update is {phase}")
