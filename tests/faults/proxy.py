# SPDX-License-Identifier: Apache-2.0
"""A way to a broker that is slow, stands still now and then, or forgets idle connections, as radio
links and address translators do."""
import queue
import random
import socket
import threading
import time


class Proxy:
    """`rate`: bytes a second each way; `latency_s` each way; `stalls`: (mean seconds between,
    most seconds each), as lost segments make them; `idle_s`: a connection without traffic for so long is forgotten:
    its bytes vanish, and nobody is told."""

    CHUNK = 512

    def __init__(self, port, rate=None, latency_s=0.0, stalls=None, idle_s=None, seed=1):
        self.target, self.rate, self.latency_s = port, rate, latency_s
        self.stalls, self.idle_s, self.dice = stalls, idle_s, random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = self.forgotten = self.bytes = 0
        self.passed_at = time.monotonic()  # the last bytes, either way
        self.sockets, self.stopping = [], False
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.stopping = True
        self.listener.close()
        for sock in self.sockets:
            sock.close()

    def _accept(self):
        while not self.stopping:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.stopping:
                    return
                near.close()  # the broker is not there
                continue
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                self.sockets.append(sock)
            self.connections += 1
            state = {"at": time.monotonic(), "forgotten": False}
            for source, sink in ((near, far), (far, near)):
                chunks = queue.Queue(16)
                threading.Thread(target=self._take, args=(source, chunks, state),
                                 daemon=True).start()
                threading.Thread(target=self._give, args=(chunks, sink), daemon=True).start()

    def _take(self, source, chunks, state):
        while True:
            try:
                data = source.recv(self.CHUNK)
            except OSError:
                data = b""
            now = time.monotonic()
            if self.idle_s and now - state["at"] > self.idle_s and not state["forgotten"]:
                state["forgotten"] = True
                self.forgotten += 1
            state["at"] = self.passed_at = now
            if state["forgotten"] and data:
                continue
            chunks.put((now + self.latency_s, data))
            if not data:
                return

    def _give(self, chunks, sink):
        free_at = stall_at = 0.0
        while True:
            due, data = chunks.get()
            if self.stalls and due > stall_at:
                due += self.dice.uniform(0, self.stalls[1]) if stall_at else 0
                stall_at = due + self.dice.expovariate(1 / self.stalls[0])
            if self.rate:
                free_at = max(free_at, due) + len(data) / self.rate
                due = free_at
            time.sleep(max(0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
                self.bytes += len(data)
            except OSError:
                return
