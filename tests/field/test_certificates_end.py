# SPDX-License-Identifier: Apache-2.0
"""Certificates end: the gateway's own, those by which brokers know it, and the authorities by which
brokers, services and phones' gateway are believed. Metrics count the days, and people are told
thirty days before."""
import json
import ssl
import subprocess

import garden
from garden import free_port, wait_until
from probe import Registers, device
from webclient import request


def certificate(folder, name, days):
    """Signed by itself; its file, with the key beside it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-days",
                    str(days), "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                   check=True, capture_output=True)
    return folder / f"{name}.pem"


def bundle(folder, name, *days):
    """Several in one file."""
    parts = [certificate(folder, f"{name}-{n}", count).read_text() for n, count in enumerate(days)]
    (folder / f"{name}.pem").write_text("".join(parts))
    (folder / f"{name}-0.key").rename(folder / f"{name}.key")
    return folder / f"{name}.pem"


def far(folder, name, cert, authority):
    """A broker with TLS that nobody listens as."""
    keys = {"cert_file": str(cert), "key_file": str(cert.with_suffix(".key"))} if cert else {}
    return {"name": name, "url": f"mqtts://127.0.0.1:{free_port()}", "ca_file": str(authority),
            **keys}


def days_left(farm, port):
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    answer = request(port, "/metrics", user="watcher", context=trusting,
                     password=farm.site.broker.passwords["watcher"])
    samples = dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines()
                   if line.startswith("baiye_certificate_days_left"))
    return {key.split('"')[1]: int(value) for key, value in samples.items()}


def test_days_left_are_counted_and_told(farm, monkeypatch):
    monkeypatch.setenv("BAIYE_CLOCK", "trusted")
    folder, port = farm.site.folder, free_port()
    line = farm.line(Registers({0: 1}))
    farm.profile("fields:\n  - { metric: level, register: 0 }\n")
    farm.site.start_broker()
    broker = farm.site.broker
    own = certificate(folder, "own", 29)
    certificate(folder, "ca", 25)  # beside it: what `baiye cert` has made
    long = certificate(folder, "long", 3000)
    brokers = [{"name": "local", "url": f"mqtt://127.0.0.1:{broker.port}", "user": "gateway",
                "password_file": str(broker.password_file("gateway"))},
               far(folder, "cloud", certificate(folder, "soon", 29), long),
               far(folder, "county", certificate(folder, "later", 32), long),
               far(folder, "chain", bundle(folder, "chain", 300, 20), long),
               far(folder, "town", None, certificate(folder, "authority", 29)),
               far(folder, "rotated", None, bundle(folder, "rotated", 20, 900))]
    ways = [{"name": "phone", "ntfy": {"url": f"https://127.0.0.1:{free_port()}", "topic": "x",
                                       "ca_file": str(certificate(folder, "service", 10))}}]
    farm.site.start_watcher()
    farm.site.gateway = garden.Gateway(
        folder, broker, [line.bus(device())], profiles=str(folder / "profiles"), mqtt=brokers,
        notify=ways,
        http={"listen": f"127.0.0.1:{port}", "cert_file": str(own),
              "key_file": str(own.with_suffix(".key"))})
    farm.site.gateway.start()
    farm.wait_log("http: listening")
    farm.wait_log("bridge: open")
    assert days_left(farm, port) == {
        "app": 28, "app ca": 24, "cloud": 28, "cloud ca": 2999, "county": 31, "county ca": 2999,
        "chain": 19, "chain ca": 2999, "town ca": 28, "rotated ca": 899, "notify phone ca": 9}
    told = {"certificate", "authority", "certificate-cloud", "certificate-chain", "authority-town",
            "authority-notify-phone"}
    known = farm.site.watcher.retained

    def standing():
        return {topic.removeprefix("alert/") for topic, payload in dict(known).items()
                if payload and topic.startswith(("alert/certificate", "alert/authority"))}

    wait_until(lambda: standing() >= told, 30, "they are told")
    assert standing() == told
    for words in ("by which broker cloud knows the gateway ends on",
                  "by which the gateway knows broker town ends on"):
        wait_until(lambda: words in farm.baiye("alert", "list"), 30, words)
    assert "到期" in json.loads(known["alert/authority-town"])["zh"]["what"]


def test_a_certificate_that_was_replaced_is_not_told_of_any_more(farm, monkeypatch):
    monkeypatch.setenv("BAIYE_CLOCK", "trusted")
    folder = farm.site.folder
    line = farm.line(Registers({0: 1}))
    farm.profile("fields:\n  - { metric: level, register: 0 }\n")
    farm.site.start_broker()
    broker = farm.site.broker
    local = {"name": "local", "url": f"mqtt://127.0.0.1:{broker.port}", "user": "gateway",
             "password_file": str(broker.password_file("gateway"))}
    town = far(folder, "town", None, certificate(folder, "authority", 5))
    farm.site.start_watcher()
    farm.site.gateway = garden.Gateway(folder, broker, [line.bus(device())],
                                       profiles=str(folder / "profiles"), mqtt=[local, town],
                                       http={"listen": f"127.0.0.1:{free_port()}"})
    farm.site.gateway.start()
    known = farm.site.watcher.retained
    wait_until(lambda: known.get("alert/authority-town"), 30, "it is told")
    certificate(folder, "authority", 900)
    farm.site.gateway.stop()
    farm.site.gateway.start()
    wait_until(lambda: known.get("alert/authority-town") == b"", 30, "it is over")
