# SPDX-License-Identifier: Apache-2.0
"""A page shows no more than the role of whoever asks, and TLS only what is worth it."""
import ssl
import subprocess

import pytest

from test_http import Gateway, broker, folder, gateway  # noqa: F401
from webclient import connect, request

CSV = "/export.csv?device=plot-1&from=0&to=1795293274123"


@pytest.mark.parametrize("role, page, status", [
    ("screen", "/metrics", 403), ("screen", CSV, 403), ("screen", "/ready", 200),
    ("farmer", "/metrics", 200), ("farmer", CSV, 200), ("farmer", "/ready", 200),
    ("technician", "/metrics", 200), ("technician", CSV, 200)])
def test_a_page_is_for_its_roles(gateway, folder, role, page, status):  # noqa: F811
    (folder / "users").write_text(f"wang farmer\nli {role}\n")
    answer = request(gateway.port, page, user="li", password="tea-1")
    assert answer.status == status
    if status == 403:
        assert b"plot-1" not in answer.body and b"baiye_" not in answer.body


def test_a_role_that_is_taken_away_counts_at_once(gateway, folder):  # noqa: F811
    (folder / "users").write_text("li technician\n")
    assert request(gateway.port, "/metrics", user="li", password="tea-1").status == 200
    (folder / "users").write_text("li screen\n")
    assert request(gateway.port, "/metrics", user="li", password="tea-1").status == 403


def test_an_account_of_the_operators_own_may_look(gateway, folder):  # noqa: F811
    (folder / "users").write_text("wang farmer\n")
    assert request(gateway.port, "/metrics", user="li", password="tea-1").status == 200


@pytest.fixture(params=["ec", "rsa"])
def tls(request, folder, broker):  # noqa: F811
    cert, key = folder / "cert.pem", folder / "key.pem"
    kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if request.param == "ec" else ["rsa:2048"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", key, "-out",
                    cert, "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
    gateway = Gateway(folder, broker.port, (cert, key))  # noqa: F811
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    yield gateway.ready(context)
    gateway.stop()


def test_tls_1_2_has_no_cbc_no_sha1_and_forward_secrecy(tls):
    def speaks(ciphers):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        try:
            connect(tls.port, context=context).close()
        except OSError:
            return False
        return True
    assert speaks("ECDHE+AESGCM") and speaks("ECDHE+CHACHA20")
    for weak in ("ECDHE+SHA1:@SECLEVEL=0", "ECDHE+AES+SHA256:ECDHE+AES+SHA384:!AESGCM:@SECLEVEL=0",
                 "kRSA:@SECLEVEL=0", "ECDHE+AESCCM:@SECLEVEL=0", "ALL:!ECDHE:@SECLEVEL=0"):
        assert not speaks(weak), weak
