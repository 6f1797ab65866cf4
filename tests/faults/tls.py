# SPDX-License-Identifier: Apache-2.0
"""Certificates good and bad, made with the openssl tool, and a broker that shows them."""
import subprocess

import garden

CONFIG = """[ca]
default_ca = here
[here]
database = {0}/index.txt
new_certs_dir = {0}
serial = {0}/serial
certificate = {0}/ca.pem
private_key = {0}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
VALID = ("20200101000000Z", "20991231235959Z")
EXPIRED = ("20200101000000Z", "20200201000000Z")
NOT_YET = ("20980101000000Z", "20991231235959Z")


def openssl(*arguments):
    subprocess.run(["openssl", *(str(a) for a in arguments)], check=True, capture_output=True)


class Authority:
    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.pem = folder, folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(CONFIG.format(folder))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", folder / "ca.key", "-out", self.pem, "-days", 3650, "-subj",
                f"/CN={folder.name}")

    def issue(self, name, target, subject="IP:127.0.0.1", dates=VALID):
        """target.pem and target.key, each replaced at once."""
        key, request, fresh = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/CN={name}", "-addext",
                f"subjectAltName={subject}")
        openssl("ca", "-batch", "-notext", "-config", self.folder / "openssl.cnf", "-in", request,
                "-out", fresh, "-startdate", dates[0], "-enddate", dates[1])
        fresh.chmod(0o644)
        key.rename(target.with_suffix(".key"))
        fresh.rename(target.with_suffix(".pem"))


class TlsBroker(garden.Broker):
    """Besides its plain listener, for the test's own client, one with TLS."""

    def __init__(self, folder, authority, client_authority=None):
        folder.mkdir()
        super().__init__(folder)
        self.tls_port, self.certificate = garden.free_port(), folder / "server"
        config = folder / "mosquitto.conf"
        asks = (f"cafile {client_authority.pem}\nrequire_certificate true\n" if client_authority
                else "")
        config.write_text(f"{config.read_text()}listener {self.tls_port} 127.0.0.1\n"
                          f"certfile {self.certificate}.pem\nkeyfile {self.certificate}.key\n"
                          f"{asks}")
        authority.issue("broker", self.certificate)

    def told(self, authority):
        return ["--broker", self.tls_port, "--user", "gateway", "--password-file",
                self.password_file("gateway"), "--ca", authority.pem]
