# SPDX-License-Identifier: Apache-2.0
"""Brokers with the files that ship, certificates for who connects to them, and gateways with one."""
import os
import socket
import ssl
import subprocess

import garden
from county import Gateway
from garden import wait_until

FILES = garden.ROOT / "gateway/county/broker"


def openssl(*words, folder):
    subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, capture_output=True)


class Once:
    """Files that are made once in a run of the tests and then written again: a key costs more than most tests."""

    def __init__(self):
        self.texts = {}

    def __call__(self, key, make, *paths):
        if key not in self.texts:
            make()
            self.texts[key] = [path.read_bytes() for path in paths]
        for path, text in zip(paths, self.texts[key]):
            path.touch(0o600)
            path.write_bytes(text)


once = Once()


class Authority:
    """Of the same name it is the same one in each folder; who is revoked is each one's own."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        once(name, self.make, folder / f"{name}.key", folder / f"{name}.crt")
        (folder / f"{name}.index").touch()
        (folder / f"{name}.cnf").write_text(
            f"[ca]\ndefault_ca = it\n[it]\ndatabase = {folder}/{name}.index\n"
            f"default_md = sha256\ndefault_crl_days = 2\n")
        self.publish()

    def make(self):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", 2, "-subj", f"/CN={self.name}", "-keyout", f"{self.name}.key",
                "-out", f"{self.name}.crt", folder=self.folder)

    def publish(self):
        openssl("ca", "-gencrl", "-config", f"{self.name}.cnf", "-keyfile", f"{self.name}.key",
                "-cert", f"{self.name}.crt", "-out", f"{self.name}.crl", folder=self.folder)

    def issue(self, who):
        made = self.folder / f"{self.name}-{who}.crt", self.folder / f"{self.name}-{who}.key"
        once((self.name, who), lambda: self.sign(who), *made)
        return made

    def sign(self, who):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", f"/CN={who}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                f"{self.name}-{who}.key", "-out", f"{who}.csr", folder=self.folder)
        openssl("x509", "-req", "-in", f"{who}.csr", "-CA", f"{self.name}.crt", "-CAkey",
                f"{self.name}.key", "-CAcreateserial", "-copy_extensions", "copyall", "-days", 2,
                "-out", f"{self.name}-{who}.crt", folder=self.folder)

    def revoke(self, certificate):
        openssl("ca", "-revoke", certificate, "-config", f"{self.name}.cnf", "-keyfile",
                f"{self.name}.key", "-cert", f"{self.name}.crt", folder=self.folder)
        self.publish()


class CountyBroker(garden.Process):
    """The shipped files; only ports and folders are others. `beside`: another one in the folder, with
    the same authorities."""

    def __init__(self, folder, name="mosquitto", beside=None):
        self.folder, self.crl = folder, folder / "revoked/gateways.crl"
        self.port, self.inner, self.growers = garden.free_port(), garden.free_port(), garden.free_port()
        if beside:
            self.gateways, self.county = beside.gateways, beside.county
        else:
            self.make_authorities()
        text = (FILES / "mosquitto.conf").read_text()
        for old, new in (("/etc/baiye-county", str(folder)), ("listener 8883", f"listener {self.port}"),
                         ("listener 8884", f"listener {self.inner}"),
                         ("listener 8885", f"listener {self.growers}")):
            assert old in text
            text = text.replace(old, new)
        config = folder / f"{name}.conf"
        config.write_text(("user root\n" if os.getuid() == 0 else "") + text)
        super().__init__(folder, name, ["mosquitto", "-c", config])

    def make_authorities(self):
        folder = self.folder
        self.gateways = Authority(folder, "gateways-ca")
        self.county = Authority(folder, "county-ca")
        certificate, key = self.county.issue("broker")
        certificate.rename(folder / "broker.crt")
        key.rename(folder / "broker.key")
        (folder / "revoked").mkdir()
        (folder / "gateways-ca.crl").rename(self.crl)
        for name in "growers.passwd", "growers.acl":
            (folder / name).touch(0o600)
        for name in "gateways.acl", "county.acl":
            (folder / name).write_text((FILES / name).read_text())
            (folder / name).chmod(0o600)

    def start(self):
        super().start()
        wait_until(lambda: self.running() and self.open(), 120, self.log())

    def open(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def tls(self, authority, who):
        context = ssl.create_default_context(cafile=self.folder / "county-ca.crt")
        context.load_cert_chain(*authority.issue(who))
        return context


class Peer(Gateway):
    """A gateway with a certificate."""

    def __init__(self, broker, site, **arguments):
        self.context = broker.tls(broker.gateways, site)
        super().__init__(broker, site, **arguments)

    def connect(self):
        self.client.tls_set_context(self.context)
        super().connect()


def program_keys(broker, who, *others):
    """A program's certificate, and all brokers that it is connected to."""
    certificate, key = broker.county.issue(who)
    urls = [f"mqtts://127.0.0.1:{one.inner}" for one in (broker, *others)]
    return {"broker": {"url": urls if others else urls[0], "keepalive": "60s",
                       "ca_file": str(broker.folder / "county-ca.crt"),
                       "cert_file": str(certificate), "key_file": str(key), "prefix": "gw/"}}
