# SPDX-License-Identifier: Apache-2.0
"""The county's HTTPS, asked by curl and by who means ill."""
import resource
import socket
import ssl
import subprocess
import time

import pytest

import garden
from county import Program
from secured import Authority


@pytest.fixture
def https(county, tmp_path):
    """A county that serves; (port, its authority's certificate)."""
    authority = Authority(tmp_path, "web-ca")
    certificate, key = authority.issue("localhost")
    port = garden.free_port()
    running = county(http={"listen": f"127.0.0.1:{port}", "cert_file": str(certificate),
                           "key_file": str(key)})
    return running, port, tmp_path / "web-ca.crt"


def curl(port, authority, path, *words):
    """(status, body)"""
    done = subprocess.run(["curl", "-s", "--cacert", authority, "-w", "\n%{http_code}", *words,
                           f"https://127.0.0.1:{port}{path}"], capture_output=True, text=True,
                          timeout=300, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


def test_it_serves_by_tls(https):
    _, port, authority = https
    assert curl(port, authority, "/alive") == (200, "alive\n")
    assert curl(port, authority, "/alive", "-I")[0] == 200
    assert curl(port, authority, "/nowhere")[0] == 404
    assert curl(port, authority, "/alive/")[0] == 404
    assert curl(port, authority, "/alive", "-d", "")[0] == 405
    assert curl(port, authority, "/alive", "-X", "GET", "-d", "x" * 10)[0] == 413


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_old_tls_is_refused(https, version):
    _, port, authority = https
    assert curl(port, authority, "/alive", f"--tlsv{version}", "--tls-max", version,
                "--ciphers", "DEFAULT:@SECLEVEL=0")[0] == 0


def opened(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 120))


HOSTILE = {
    "no end of a head": b"GET /alive HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200000,
    "many headers": b"GET /alive HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(9000)),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50 + b"\r\n\r\n",
    "a length below nothing": b"POST /alive HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length of all": b"GET /alive HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "two lengths": b"GET /alive HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
    "chunks": b"GET /alive HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"fffffff\r\n" + b"a" * 100000,
    "a path of dots": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "a zero in the path": b"GET /alive%00x HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_outlives_what_is_no_request(https, what):
    running, port, authority = https
    for _ in range(5):
        with opened(port) as one:
            try:
                one.sendall(HOSTILE[what])
                one.settimeout(5)
                one.recv(4096)
            except (OSError, ssl.SSLError):
                pass  # it hung up
    assert curl(port, authority, "/alive") == (200, "alive\n")
    assert running.running()


def test_those_who_say_nothing_do_not_keep_others_out(https):
    running, port, authority = https
    idle = [socket.create_connection(("127.0.0.1", port), 120) for _ in range(200)]
    halves = [opened(port) for _ in range(20)]
    for one in halves:
        one.sendall(b"GET /alive HTTP/1.1\r\nHost: ")
    assert curl(port, authority, "/alive") == (200, "alive\n")
    for one in idle + halves:
        one.close()
    assert running.running()


def is_alive(connection):
    connection.sendall(b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n")
    got = b""
    while not got.endswith(b"alive\n"):
        piece = connection.recv(4096)
        if not piece:
            return False
        got += piece
    return True


def crowd(port, address, count):
    """Idle connections from one address, as many as come."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 500), hard), hard))
    return [socket.create_connection(("127.0.0.1", port), 120, source_address=(address, 0))
            for _ in range(count)]


def test_a_crowd_of_one_address_keeps_nobody_out(https):
    running, port, authority = https
    idle = crowd(port, "127.0.0.2", 2300)
    with opened(port) as other:  # whoever was there before has its place still
        assert is_alive(other)
        idle += crowd(port, "127.0.0.2", 300)
        assert curl(port, authority, "/alive", "-m", "120") == (200, "alive\n")
        assert is_alive(other)
    for one in idle:
        one.close()
    assert running.running()


def test_a_request_that_comes_byte_by_byte_has_an_end(https):
    """Each byte would be a sign of life; the request is never whole."""
    _, port, _ = https
    begun = time.monotonic()
    with opened(port) as one:
        one.sendall(b"GET /alive HTTP/1.1\r\nHost: x\r\nX: ")
        one.settimeout(1)
        while time.monotonic() - begun < 600:
            try:
                one.sendall(b"a")
                if one.recv(1) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
    assert 55 < time.monotonic() - begun < 600


def test_it_ends_while_somebody_is_asking(https):
    running, port, _ = https
    with opened(port) as one:
        one.sendall(b"GET /alive HTTP/1.1\r\nHost: ")
        running.child.terminate()
        assert running.child.wait(120) == 0


def test_a_certificate_that_is_none_is_said(tmp_path, broker, database, needs):
    needs("baiye-county")
    (tmp_path / "bad").write_text("no certificate\n")
    one = Program(tmp_path, "baiye-county", "b", broker, database, http={
        "listen": f"127.0.0.1:{garden.free_port()}", "cert_file": "bad", "key_file": "bad"})
    one.start(ready=False)
    assert one.child.wait(120) == 78
    assert "cert_file" in one.log()
