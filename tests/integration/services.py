# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server that answers as the message services do, under the test's control."""
import asyncio
import contextlib
import json
import shutil
import sqlite3
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP, AuthResult


def certificate(folder, name="service"):
    """For 127.0.0.1, its own authority: (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "400", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


def is_noted(store, id):
    """That people know of it stands in the sender's store: a kill between the service's answer and this is
    told once more."""
    copy = store.with_name("copy.db")  # its own is locked
    for end in ("", "-wal"):
        shutil.copyfile(f"{store}{end}", f"{copy}{end}")
    try:
        with contextlib.closing(sqlite3.connect(copy)) as opened:
            rows = opened.execute("SELECT value FROM meta WHERE key LIKE '%notices'").fetchall()
    except sqlite3.DatabaseError:
        return False  # it wrote between the two
    kept = json.loads(rows[0][0]) if rows else {}
    return [case["id"] for case in kept.get("cases", [])] == [id] and kept["notices"] == []


class Service:
    """`answers`: path -> (status, body), or "hang", "close"; others are answered as a robot does."""

    def __init__(self, folder, name="service"):
        self.cert, key = certificate(folder, name)
        self.taken = []  # (monotonic, path, body) of what was answered well
        self.taken_keys = []  # the Idempotency-Key of each of them
        self.asked = []  # (path, body) of all
        self.keys = []   # Idempotency-Key of all
        self.answers = {}
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.post(self, self.path, body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    def post(self, handler, path, body):
        self.asked.append((path, body))
        self.keys.append(handler.headers["Idempotency-Key"])
        answer = next((a for start, a in self.answers.items() if path.startswith(start)),
                      (200, '{"errcode":0,"errmsg":"ok","code":0}'))
        if answer == "hang":
            self.released.wait(120)
        if answer in ("hang", "close"):
            handler.close_connection = True
            handler.connection.close()
            return
        if answer[0] == 200 and json.loads(answer[1] or "{}").get("errcode", 0) == 0:
            self.taken_keys.append(handler.headers["Idempotency-Key"])
            self.taken.append((time.monotonic(), path, body))
        handler.send_response(answer[0])
        handler.send_header("Content-Length", str(len(answer[1])))
        handler.end_headers()
        handler.wfile.write(answer[1].encode())

    def texts(self, path):
        """What was taken there, as people read it."""
        found = []
        for _, to, body in list(self.taken):
            message = json.loads(body)
            text = message.get("text") or message.get("content") or message.get("message")
            if to.startswith(path):
                found.append(text if isinstance(text, str) else text.get("content") or text["text"])
        return found

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class MailServer:
    """Debian's aiosmtpd over TLS. `replies`: receiver, "AUTH" or "DATA" -> what is said instead. plain: the
    connection begins without TLS; it is offered by STARTTLS while `starttls` is set."""

    def __init__(self, folder, name="mail", plain=False):
        self.cert, key = certificate(folder, name)
        self.mails = []  # (receivers, text)
        self.named = []  # receivers, as they were asked for
        self.replies = {}
        self.logins = 0
        self.starttls = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, key)
        self.loop = asyncio.new_event_loop()
        self.listener = self.loop.run_until_complete(self.loop.create_server(
            self.session, "127.0.0.1", 0, ssl=None if plain else self.context))
        self.port = self.listener.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def session(self):
        return SMTP(self, auth_require_tls=False, loop=self.loop, authenticator=self.login,
                    tls_context=self.context if self.starttls else None)

    def login(self, *_):
        self.logins += 1
        return AuthResult(success="AUTH" not in self.replies, handled=False,
                          message=self.replies.get("AUTH"))

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        self.named.append(address)
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, _server, _session, envelope):
        if "DATA" in self.replies:
            return self.replies["DATA"]
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 taken"

    def stop(self):
        async def end():
            self.listener.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
