# SPDX-License-Identifier: Apache-2.0
"""Something that is done at a certain step of a command, however fast the machine is."""
import json
import socket
import threading


class Between(threading.Thread):
    """Stands between the command and the gateway, and does something when a method is asked for the
    n-th time, before the gateway hears of it."""

    def __init__(self, folder, method, count, do):
        super().__init__(daemon=True)
        self.method, self.count, self.do, self.asked = method, count, do, []
        self.path, self.to = folder / "between", str(folder / "baiyed.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as gateway:
            try:
                gateway.connect(self.to)
                line = client.makefile("rb").readline()
                method = json.loads(line)["method"] if line else ""
                self.asked.append(method)
                if method == self.method and self.asked.count(method) == self.count:
                    self.do()
                gateway.sendall(line)
                while data := gateway.recv(65536):
                    client.sendall(data)
                    if data.endswith(b"\n") and b'"progress"' not in data.splitlines()[-1]:
                        return
            except OSError:
                return

    def end(self):
        self.listener.close()
        self.path.unlink()
