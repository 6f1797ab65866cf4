# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server that answers as the message services do, under the test's control."""
import json
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def certificate(folder, name="service"):
    """For 127.0.0.1, its own authority: (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "400", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


class Service:
    """`answers`: path -> (status, body), or "hang", "close"; others are answered as a robot does."""

    def __init__(self, folder, name="service"):
        self.cert, key = certificate(folder, name)
        self.taken = []  # (monotonic, path, body) of what was answered well
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
    """SMTP over TLS, one mail a connection. `replies`: command -> reply instead of the usual one."""

    def __init__(self, folder, name="mail"):
        self.cert, key = certificate(folder, name)
        self.mails = []  # (receivers, text)
        self.replies = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.session, args=(plain,), daemon=True).start()

    def session(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as line, \
                    line.makefile("rwb", buffering=0) as stream:
                self.talk(stream)
        except (OSError, ssl.SSLError):
            pass

    def talk(self, stream):
        receivers, usual = [], {"EHLO": "250-here\r\n250 AUTH PLAIN", "DATA": "354 go on",
                                "AUTH": "235 welcome", "QUIT": "221 bye"}
        stream.write(b"220 here\r\n")
        while line := stream.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            if verb == "AUTH":
                stream.write(b"334 \r\n")
                stream.readline()
            reply = self.replies.get(verb, usual.get(verb, "250 fine"))
            stream.write(reply.encode() + b"\r\n")
            if verb == "RCPT":
                receivers.append(line.split("<")[1].rstrip(">"))
            if verb == "DATA" and reply.startswith("354"):
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += stream.readline()
                self.mails.append((receivers, text.decode()))
                stream.write(b"250 taken\r\n")
            if verb == "QUIT":
                return

    def stop(self):
        self.listener.close()
