# SPDX-License-Identifier: Apache-2.0
"""Enrolment by EST (RFC 7030), asked by clients that we did not write: curl and openssl. What is given
lets a gateway in at a broker with the files that ship, until it is revoked."""
import base64
import hashlib
import json
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import garden
from county import expected, reading, settle, stored
from secured import Authority, CountyBroker, Peer, openssl, program_keys
from test_broker import refused

EST = "/.well-known/est/"


class Enrolment:
    """A county that lets gateways enrol; its authority of gateways is the broker's."""

    def __init__(self, folder, broker, start, database):
        self.folder, self.broker, self.database = folder, broker, database
        certificate, key = broker.county.issue("localhost")
        self.port = garden.free_port()
        start("baiye-ingest", **program_keys(broker, "ingest"))
        self.running = start("baiye-county", http={
            "listen": f"127.0.0.1:{self.port}", "cert_file": str(certificate),
            "key_file": str(key)}, enrol={
            "ca_file": str(folder / "gateways-ca.crt"), "key_file": str(folder / "gateways-ca.key"),
            "crl_file": str(broker.crl)}, **program_keys(broker, "county"))

    def admin(self, *words, code=0):
        done = subprocess.run([garden.program("baiye-county"), self.running.config, *words],
                              capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done
        return done.stdout.strip() if code == 0 else done.stderr

    def token(self, site):
        """(the secret, the authority's SHA-256)"""
        name, secret, authority = self.admin("token", site).split(":")
        assert name == site
        return secret, authority

    def curl(self, path, *words):
        """(status, body)"""
        done = subprocess.run(["curl", "-s", "--cacert", self.folder / "county-ca.crt", "-w",
                               "\n%{http_code}", *words, f"https://127.0.0.1:{self.port}{path}"],
                              capture_output=True, timeout=300, check=False)
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status or 0), body

    def request(self, name, subject=None, *more, key="ec:prime256v1"):
        """A key and a request for that subject; the request in base64."""
        kind, _, what = key.partition(":")
        words = ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{what}"] if kind == "ec" else [
            "-newkey", f"rsa:{what}"]
        openssl("req", "-new", *words, "-nodes", "-subj", subject or f"/CN={name}", "-keyout",
                f"{name}.new.key", "-outform", "DER", "-out", f"{name}.der", *more,
                folder=self.folder)
        return base64.encodebytes((self.folder / f"{name}.der").read_bytes())

    def post(self, where, body, *words):
        path = self.folder / "body"
        path.write_bytes(body)
        return self.curl(EST + where, "-H", "Content-Type: application/pkcs10", "-H",
                         "Content-Transfer-Encoding: base64", "--data-binary", f"@{path}", *words)

    def enroll(self, site, secret, body):
        return self.post("simpleenroll", body, "-u", f"{site}:{secret}")

    def keep(self, site, body):
        """The certificate in an answer, and its key, as files."""
        (self.folder / "answer.p7").write_bytes(base64.b64decode(body))
        openssl("pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs", "-out",
                f"{site}.enrolled.crt", folder=self.folder)
        (self.folder / f"{site}.new.key").rename(self.folder / f"{site}.enrolled.key")
        return self.folder / f"{site}.enrolled.crt", self.folder / f"{site}.enrolled.key"

    def enrolled(self, site):
        secret, _ = self.token(site)
        status, body = self.enroll(site, secret, self.request(site))
        assert status == 200, body
        return self.keep(site, body)

    def context(self, pair):
        context = ssl.create_default_context(cafile=self.folder / "county-ca.crt")
        context.load_cert_chain(*pair)
        return context


@pytest.fixture
def broker(tmp_path):
    running = CountyBroker(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def county_est(tmp_path, broker, start, database):
    return Enrolment(tmp_path, broker, start, database)


def text_of(certificate, *what):
    return subprocess.run(["openssl", "x509", "-in", certificate, "-noout", *what],
                          capture_output=True, text=True, check=True).stdout


def test_from_a_token_to_readings_in_the_database(county_est, broker, database):
    pair = county_est.enrolled("farm-1")
    assert text_of(pair[0], "-subject", "-nameopt", "RFC2253").strip() == "subject=CN=farm-1"
    assert "Client Authentication" in text_of(pair[0], "-ext", "extendedKeyUsage")
    assert "CA:FALSE" in text_of(pair[0], "-ext", "basicConstraints")
    days = subprocess.run(["openssl", "x509", "-in", pair[0], "-noout", "-checkend",
                           str(91 * 86400)], capture_output=True, check=False).returncode
    assert days == 1, "90 days and no more"
    openssl("verify", "-CAfile", "gateways-ca.crt", "-purpose", "sslclient", pair[0],
            folder=county_est.folder)

    class Enrolled(Peer):
        def __init__(self, *arguments):
            self.context = county_est.context(pair)
            super(Peer, self).__init__(*arguments)
    good = Enrolled(broker, "farm-1")
    good.keep(*[reading("plot-1", n) for n in range(1, 21)])
    good.send(1, 20)
    good.beat()
    settle(database, good)
    assert stored(database, good) == expected(good)
    good.stop()


def test_the_authorities_are_what_the_token_says(county_est):
    _, authority = county_est.token("farm-1")
    status, body = county_est.curl(EST + "cacerts")
    assert status == 200
    (county_est.folder / "ca.p7").write_bytes(base64.b64decode(body))
    found = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-in", "ca.p7", "-print_certs"],
                           cwd=county_est.folder, capture_output=True, text=True, check=True).stdout
    prints = {hashlib.sha256(ssl.PEM_cert_to_DER_cert(
        "-----BEGIN" + one.partition("-----END")[0] + "-----END CERTIFICATE-----")).hexdigest()
        for one in found.split("-----BEGIN")[1:]}
    assert len(prints) == 2 and authority in prints


def test_a_token_counts_once_for_its_site_and_its_day(county_est, database):
    secret, _ = county_est.token("farm-1")
    other, _ = county_est.token("farm-2")
    body = county_est.request("farm-1")
    assert county_est.enroll("farm-1", "0" * 40, body)[0] == 401
    assert county_est.enroll("farm-1", other, body)[0] == 401, "of another site"
    assert county_est.enroll("farm-2", secret, county_est.request("farm-2"))[0] == 401
    assert county_est.post("simpleenroll", body)[0] == 401
    assert county_est.enroll("farm-1", secret, county_est.request("farm-2"))[0] == 400
    assert county_est.enroll("farm-1", secret, body)[0] == 200, "what was refused has not used it"
    assert county_est.enroll("farm-1", secret, body)[0] == 401, "once"
    database("UPDATE token SET until = now() WHERE used IS NULL")
    assert county_est.enroll("farm-2", other, county_est.request("farm-2"))[0] == 401, "expired"
    assert secret not in database("SELECT string_agg(hash, ' ') FROM token"), "kept as its hash"


def test_a_token_that_is_used_by_many_at_once_gives_one(county_est, database):
    secret, _ = county_est.token("farm-1")
    body = county_est.folder / "body"
    body.write_bytes(county_est.request("farm-1"))
    said = []

    def ask():
        said.append(county_est.curl(EST + "simpleenroll", "-u", f"farm-1:{secret}", "--data-binary",
                                    f"@{body}")[0])
    many = [threading.Thread(target=ask) for _ in range(12)]
    for one in many:
        one.start()
    for one in many:
        one.join()
    assert sorted(said) == [200] + [401] * 11
    assert database.number("SELECT count(*) FROM certificate") == 1


WRONG = {
    "another name": ("/CN=farm-2",), "a name more": ("/CN=farm-1/O=x",),
    "two names": ("/CN=farm-1/CN=farm-1",), "no common name": ("/O=farm-1",), "upper": ("/CN=FARM-1",),
    "a host's name": ("/CN=farm-1", "-addext", "subjectAltName=DNS:county.example.org"),
    "an authority": ("/CN=farm-1", "-addext", "basicConstraints=critical,CA:TRUE"),
    "a use": ("/CN=farm-1", "-addext", "extendedKeyUsage=serverAuth"),
}


def test_a_request_for_something_else_is_refused(county_est):
    secret, _ = county_est.token("farm-1")
    for what, words in WRONG.items():
        status, said = county_est.enroll("farm-1", secret, county_est.request("farm-1", *words))
        assert status == 400 and said, what
    for key in "rsa:1024", "ec:secp224r1", "ec:secp256k1":
        assert county_est.enroll("farm-1", secret, county_est.request("farm-1", key=key))[0] == 400
    for key in "ec:prime256v1", "ec:secp384r1", "rsa:2048":
        assert county_est.enroll("farm-1", secret, county_est.request("farm-1", key=key))[0] == 200
        secret, _ = county_est.token("farm-1")


def test_bodies_that_are_none_are_refused_and_use_no_token(county_est):
    secret, _ = county_est.token("farm-1")
    good = county_est.request("farm-1")
    der = base64.b64decode(good)
    flipped = bytearray(der)
    flipped[-3] ^= 1  # its signature
    bodies = [b"", b"=", b"====", b"A", b"AAAA", b"\0" * 100, good[:-20], good[:40], good + good,
              b"%%%%" + good, base64.b64encode(der[:-1]), base64.b64encode(der + b"\0"),
              base64.b64encode(bytes(flipped)), b"-----BEGIN CERTIFICATE REQUEST-----\n" + good,
              base64.b64encode(b"\x30\x84\xff\xff\xff\xff" + der)]
    for body in bodies:
        assert county_est.enroll("farm-1", secret, body)[0] == 400, body[:60]
    assert county_est.enroll("farm-1", secret, good + b"\n" * 20000)[0] == 413
    assert county_est.enroll("farm-1", secret, good.replace(b"\n", b"\r\n "))[0] == 200
    assert county_est.running.running()


def test_what_is_no_site_gets_no_token(county_est):
    for site in "ingest", "ingest-a", "county", "Farm", "a/b", "+", "#", "", "x" * 33:
        assert "is no site" in county_est.admin("token", site, code=69), site


def reenroll(county_est, site, pair):
    body = county_est.request(site)
    return county_est.post("simplereenroll", body, "--cert", pair[0], "--key", pair[1])


def test_a_certificate_is_renewed_by_itself(county_est, broker):
    pair = county_est.enrolled("farm-1")
    status, body = reenroll(county_est, "farm-1", pair)
    assert status == 200, body
    before = text_of(pair[0], "-serial")
    fresh = county_est.keep("farm-1", body)
    assert text_of(fresh[0], "-serial") != before
    assert not refused(broker, broker.port, county_est.context(fresh))
    assert reenroll(county_est, "farm-2", fresh)[0] == 400, "of another site"
    assert county_est.post("simplereenroll", county_est.request("farm-1"))[0] == 403, "by none"
    old = broker.gateways.issue("farm-1")  # as they were given by hand
    assert reenroll(county_est, "farm-1", old)[0] == 200
    other = broker.county.issue("farm-1")
    assert reenroll(county_est, "farm-1", other)[0] in (0, 403), "of another authority"


def test_a_gateway_that_renews_without_end_fills_no_disk(county_est, database):
    pair, other = county_est.enrolled("farm-1"), county_est.enrolled("farm-2")
    answers = [reenroll(county_est, "farm-1", pair) for _ in range(12)]
    assert [status for status, _ in answers] == [200] * 9 + [429] * 3
    assert b"its certificates of a day" in answers[-1][1]
    assert reenroll(county_est, "farm-2", other)[0] == 200
    database("UPDATE certificate SET at = at - interval '2 days' WHERE site = 'farm-1'")
    assert reenroll(county_est, "farm-1", pair)[0] == 200, "the next day"
    database("UPDATE certificate SET until = until - interval '1 year', at = at - interval '1 year'"
                   " WHERE site = 'farm-1'")
    assert reenroll(county_est, "farm-1", pair)[0] == 200
    assert database.number("SELECT count(*) FROM certificate WHERE site = 'farm-1'") == 1


def test_what_is_revoked_is_let_in_no_more(county_est, broker, database):
    pair, other = county_est.enrolled("farm-1"), county_est.enrolled("farm-2")
    token, _ = county_est.token("farm-1")
    assert not refused(broker, broker.port, county_est.context(pair))
    by_hand = broker.gateways.issue("farm-3")[0]
    broker.gateways.revoke(by_hand)
    (county_est.folder / "gateways-ca.crl").rename(broker.crl)
    assert county_est.admin("revoke", "farm-1") == "farm-1: 1 certificates count no more"
    broker.signal(signal.SIGHUP)
    garden.wait_until(lambda: refused(broker, broker.port, county_est.context(pair)), 120,
                      "the broker has read the list")
    assert not refused(broker, broker.port, county_est.context(other))
    assert reenroll(county_est, "farm-1", pair)[0] == 403
    assert county_est.enroll("farm-1", token, county_est.request("farm-1"))[0] == 401
    text = subprocess.run(["openssl", "crl", "-in", broker.crl, "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    assert text.count("Serial Number") == 2, "what was on the list stays there"
    openssl("crl", "-in", broker.crl, "-CAfile", "gateways-ca.crt", "-noout",
            folder=county_est.folder)
    again = county_est.enrolled("farm-1")
    assert not refused(broker, broker.port, county_est.context(again))
    broker.crl.write_text("damaged\n")
    assert reenroll(county_est, "farm-1", again)[0] == 403, "not known: no"
    assert "list" in county_est.admin("revoke", "farm-1", code=69)
    assert broker.crl.read_text() == "damaged\n"
    assert database.number("SELECT count(*) FROM certificate WHERE revoked IS NOT NULL") == 1


class Box:
    """A gateway's folder, and the command there."""

    def __init__(self, county_est, name):
        self.est, self.folder = county_est, county_est.folder / name
        self.url = f"https://127.0.0.1:{county_est.port}"

    def __call__(self, *words, code=0):
        done = subprocess.run([garden.program("baiye"), "enrol", *words, "--dir", self.folder],
                              capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    @property
    def pair(self):
        return self.folder / "gateway.crt", self.folder / "gateway.key"


def test_the_gateways_command_enrols_and_renews(county_est, broker):
    box = Box(county_est, "box")
    told = json.loads(box(box.url, county_est.admin("token", "farm-1"), "--json"))
    said = "\n".join(told["said"])
    assert "url: mqtts://127.0.0.1:8883" in said and str(box.folder / "gateway.key") in said
    assert (told["site"], told["certificate"], told["key"], told["complaints"]) == (
        "farm-1", *map(str, box.pair), [])
    assert text_of(box.pair[0], "-subject", "-nameopt", "RFC2253").strip() == "subject=CN=farm-1"
    assert not refused(broker, broker.port, county_est.context(box.pair))
    assert [one.stat().st_mode & 0o777 for one in box.pair] == [0o640] * 2
    before, key = text_of(box.pair[0], "-serial"), box.pair[1].read_text()
    assert box("--renew") == "" and text_of(box.pair[0], "-serial") == before, "not due"
    assert "renewed" in box("--renew", "--now")
    assert json.loads(box("--renew", "--now", "--json"))["renewed"] == str(box.pair[0])
    assert text_of(box.pair[0], "-serial") != before and box.pair[1].read_text() == key
    assert not refused(broker, broker.port, county_est.context(box.pair))
    county_est.admin("revoke", "farm-1")
    assert "revoked" in box("--renew", "--now", code=77)
    assert "PRIVATE" not in county_est.running.log(), "the key stays at the gateway"


def test_the_gateways_command_believes_no_other_county(county_est, broker):
    box = Box(county_est, "box")
    token = county_est.admin("token", "farm-1")
    site, secret, authority = token.split(":")
    assert "another authority" in box(box.url, f"{site}:{secret}:{'0' * 64}", code=77)
    other = county_est.folder / "gateways-ca.crt"
    of_gateways = hashlib.sha256(ssl.PEM_cert_to_DER_cert(other.read_text())).hexdigest()
    assert "certificate" in box(box.url, f"{site}:{secret}:{of_gateways}", code=77), \
        "an authority that it names, but is not of"
    assert not box.pair[0].exists() and not box.pair[1].exists()
    for wrong in "", "x", site, f"{site}:{secret}", token + "0", token[:-1], f"FARM:{secret}:{authority}":
        assert "no token" in box(box.url, wrong, code=64), wrong
    for wrong in "http://127.0.0.1", "https://", "127.0.0.1", "https://a@b", "file:///etc/passwd":
        box(wrong, token, code=64)
    box("https://127.0.0.1:9", token, code=69)
    box(f"https://localhost:{county_est.port}", token, code=77)  # its certificate has another name
    box(box.url + "/", token)
    assert "refuses (401)" in Box(county_est, "other")(box.url, token, code=77), "used"
    box("--renew", "--now")
    Box(county_est, "none")("--renew", code=66)


HTTP = {"no base64": b"%%%", "no bundle": base64.b64encode(b"nothing"), "empty": b"",
        "huge": b"A" * 200000, "cut": base64.b64encode(b"\x30\x82\xff\xff" + b"\0" * 50)}


@pytest.mark.parametrize("what", HTTP)
def test_answers_that_are_none_end_the_command(tmp_path, what, needs):
    """Who answers is nobody's county."""
    needs("baiye")
    authority = Authority(tmp_path, "any-ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("any"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with context.wrap_socket(listener.accept()[0], server_side=True) as one:
                one.recv(4096)
                one.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + HTTP[what])
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = subprocess.run([garden.program("baiye"), "enrol",
                               f"https://127.0.0.1:{listener.getsockname()[1]}",
                               f"farm-1:{'0' * 40}:{'0' * 64}", "--dir", tmp_path / "box"],
                              capture_output=True, text=True, timeout=300, check=False)
        thread.join(20)
    assert done.returncode in (69, 77), done
    assert not (tmp_path / "box").exists()


def test_a_command_takes_no_number_of_a_metric(county_est, database):
    """A metric's number is one of 32,767; each start had taken one for each metric."""
    taken = "SELECT last_value, (SELECT count(*) FROM metric) FROM metric_id_seq"
    before = database(taken)
    county_est.token("farm-1")
    assert database(taken) == before
    database("SELECT setval('metric_id_seq', 32767)")
    county_est.token("farm-1")
