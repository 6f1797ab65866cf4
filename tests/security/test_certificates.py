# SPDX-License-Identifier: Apache-2.0
"""The farm's own authority vouches for the farm's own names only; its key can be kept elsewhere; the
gateway's certificate does not end unnoticed."""
import json
import os
import signal
import subprocess

import pytest

import garden
from sites import needs, site  # noqa: F401
from test_cli import baiye
from test_http import wait_for


def openssl(*arguments, code=0, **more):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, **more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def make(tls, *hosts, code=0, **more):
    names = [word for host in hosts for word in ("--host", host)]
    return baiye("cert", *names, "--dir", tls, code=code, **more)


def forge(tls, alternative, days=30, name="forged"):
    """What somebody with the authority's key can make: a certificate for any name. Its file."""
    (tls / "ext").write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                             f"extendedKeyUsage=serverAuth\nsubjectAltName={alternative}\n")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=somebody", "-keyout", tls / f"{name}.key", "-out", tls / "request")
    openssl("x509", "-req", "-in", tls / "request", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key",
            "-CAcreateserial", "-days", days, "-extfile", tls / "ext", "-out", tls / f"{name}.pem")
    (tls / "ext").unlink()
    (tls / "request").unlink()
    return tls / f"{name}.pem"


def accepted(tls, certificate):
    return subprocess.run(["openssl", "verify", "-no-CApath", "-no-CAstore", "-purpose", "sslserver",
                           "-CAfile", tls / "ca.pem", certificate],
                          capture_output=True).returncode == 0


def days_left(certificate, days):
    return subprocess.run(["openssl", "x509", "-checkend", str(days * 86400), "-noout", "-in",
                           certificate], capture_output=True).returncode == 0


@pytest.mark.parametrize("hosts, own, others", [
    (["192.168.1.10"], ["IP:192.168.1.10"],
     ["DNS:bank.example", "IP:192.168.1.11", "IP:2001:db8::1", "IP:192.168.1.10,DNS:bank.example"]),
    (["gateway.lan"], ["DNS:gateway.lan"],
     ["DNS:bank.example", "DNS:lan", "IP:192.168.1.10", "IP:2001:db8::1"]),
    (["192.168.1.10", "gateway.lan", "2001:db8::7"],
     ["DNS:gateway.lan,IP:192.168.1.10", "IP:2001:db8::7"],
     ["DNS:bank.example", "IP:10.0.0.1", "IP:2001:db8::8"]),
])
def test_the_authority_vouches_for_the_names_given_only(tmp_path, hosts, own, others):
    tls = tmp_path / "tls"
    make(tls, *hosts)
    assert accepted(tls, tls / "server.pem")
    for name in own:
        assert accepted(tls, forge(tls, name)), name
    for name in others:
        assert not accepted(tls, forge(tls, name)), name


def test_a_certificate_for_other_names_is_not_made(tmp_path):
    tls = tmp_path / "tls"
    make(tls, "192.168.1.10")
    before = {path.name: path.read_bytes() for path in tls.iterdir() if path.name != "ca.srl"}
    told = make(tls, "192.168.1.11", code=73)
    assert "was made for other names" in told.stderr and "--new-ca" in told.stderr
    assert {path.name: path.read_bytes() for path in tls.iterdir()
            if path.name != "ca.srl"} == before
    baiye("cert", "--host", "192.168.1.11", "--new-ca", "--dir", tls)
    assert (tls / "ca.pem").read_bytes() != before["ca.pem"]
    assert accepted(tls, tls / "server.pem")


def test_the_authoritys_key_can_be_kept_elsewhere(tmp_path):
    tls = tmp_path / "tls"
    make(tls, "192.168.1.10")
    key = (tls / "ca.key").read_text()
    told = baiye("cert", "--ca-off", "--dir", tls)
    assert key in told.stdout
    assert not any(key.encode() in path.read_bytes() for path in tls.iterdir())
    assert not (tls / "ca.key").exists()

    # Nothing makes a second authority that no phone knows.
    authority = (tls / "ca.pem").read_bytes()
    assert "--ca-key" in make(tls, "192.168.1.10", code=73).stderr
    assert "no" in baiye("cert", "--ca-off", "--dir", tls, code=73).stderr
    assert (tls / "ca.pem").read_bytes() == authority

    # The key as it was printed, by a pipe or as a file, and it does not stay.
    served = (tls / "server.pem").read_bytes()
    baiye("cert", "--host", "192.168.1.10", "--ca-key", "-", "--dir", tls, stdin=key)
    assert (tls / "server.pem").read_bytes() != served and accepted(tls, tls / "server.pem")
    (tmp_path / "printed").write_text(told.stdout)
    baiye("cert", "--host", "192.168.1.10", "--ca-key", tmp_path / "printed", "--dir", tls)
    assert {path.name for path in tls.iterdir()} == {"ca.pem", "ca.srl", "server.pem", "server.key"}

    # Another key than this authority's signs nothing.
    make(tmp_path / "other", "192.168.1.10")
    served = (tls / "server.pem").read_bytes()
    told = baiye("cert", "--host", "192.168.1.10", "--ca-key", tmp_path / "other/ca.key", "--dir",
                 tls, code=73)
    assert "is" in told.stderr and (tls / "server.pem").read_bytes() == served


def test_a_key_that_nobody_got_stays(tmp_path):
    tls = tmp_path / "tls"
    make(tls, "192.168.1.10")
    key = (tls / "ca.key").read_bytes()
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(garden.program("baiye")), "cert", "--ca-off", "--dir", tls],
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 73 and (tls / "ca.key").read_bytes() == key


def aged(tls, days, names="DNS:gateway.lan,IP:192.168.1.10"):
    """A server certificate with so many days left in the place of the one there."""
    forge(tls, names, days, "server")


def renew(tls, code=0, clock="trusted"):
    done = subprocess.run([str(garden.program("baiye")), "cert", "--renew", "--dir", tls],
                          capture_output=True, text=True, env={**os.environ, "BAIYE_CLOCK": clock})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_certificate_is_renewed_thirty_days_before_its_end(tmp_path):
    tls = tmp_path / "tls"
    make(tls, "192.168.1.10", "gateway.lan")
    fresh = (tls / "server.pem").read_bytes()
    assert renew(tls) == "" and (tls / "server.pem").read_bytes() == fresh
    aged(tls, 31)
    assert renew(tls) == "" and not days_left(tls / "server.pem", 32)

    aged(tls, 29)
    key = (tls / "server.key").read_bytes()
    assert "renewed" in renew(tls)
    assert days_left(tls / "server.pem", 700) and accepted(tls, tls / "server.pem")
    assert (tls / "server.key").read_bytes() != key
    told = openssl("x509", "-in", tls / "server.pem", "-noout", "-ext", "subjectAltName")
    assert "DNS:gateway.lan" in told and "IP Address:192.168.1.10" in told


def test_what_can_not_be_renewed_says_why_and_stays(tmp_path):
    tls = tmp_path / "tls"
    assert renew(tmp_path / "nothing") == ""
    make(tls, "192.168.1.10", "gateway.lan")
    aged(tls, 20)
    before = (tls / "server.pem").read_bytes()
    assert "time" in renew(tls, code=75, clock="untrusted")
    (tls / "ca.key").rename(tmp_path / "ca.key")
    assert "--ca-key" in renew(tls, code=73)
    assert (tls / "server.pem").read_bytes() == before

    # One that comes from elsewhere is nobody's business here.
    make(tmp_path / "other", "192.168.1.10")
    aged(tmp_path / "other", 20, "IP:192.168.1.10")
    (tls / "server.pem").write_bytes((tmp_path / "other/server.pem").read_bytes())
    assert "not of this site's authority" in renew(tls)
    assert (tls / "server.pem").read_bytes() == (tmp_path / "other/server.pem").read_bytes()


def test_a_certificate_that_ends_soon_is_an_alert(site, needs, monkeypatch):  # noqa: F811
    needs("baiye-field", "baiyed", "baiye")
    monkeypatch.setenv("BAIYE_CLOCK", "trusted")
    tls = site.folder / "tls"
    make(tls, "127.0.0.1")
    aged(tls, 20, "IP:127.0.0.1")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}])
    watcher = site.start_watcher()
    site.start_gateway(more={"http": {"listen": f"127.0.0.1:{garden.free_port()}",
                                      "cert_file": str(tls / "server.pem"),
                                      "key_file": str(tls / "server.key")}})
    wait_for(lambda: watcher.retained.get("alert/certificate"), "the alert", 20)
    alert = json.loads(watcher.retained["alert/certificate"])
    assert alert["level"] == "watch" and "certificate ends on 20" in alert["what"]
    assert "到期" in alert["zh"]["what"] and "baiye cert" in alert["zh"]["todo"]
    assert renew(tls)
    site.gateway.signal(signal.SIGHUP)
    wait_for(lambda: watcher.retained.get("alert/certificate") == b"", "the end of the alert", 30)
