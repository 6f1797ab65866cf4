# SPDX-License-Identifier: Apache-2.0
"""Certificates end: the gateway's own, and those by which brokers know it. Metrics count the days,
and people are told before."""
import subprocess

import garden
from garden import free_port, wait_until
from probe import Registers, device
from webclient import request


def certificate(folder, name, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-days",
                    str(days), "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                   check=True, capture_output=True)
    return {"ca_file": str(folder / f"{name}.pem"), "cert_file": str(folder / f"{name}.pem"),
            "key_file": str(folder / f"{name}.key")}


def samples(farm, port):
    broker = farm.site.broker
    answer = request(port, "/metrics", user="watcher", password=broker.passwords["watcher"])
    return dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines()
                if line.startswith("baiye_certificate_"))


def test_days_left_are_counted_and_told(farm):
    folder, port = farm.site.folder, free_port()
    line = farm.line(Registers({0: 1}))
    farm.profile("fields:\n  - { metric: level, register: 0 }\n")
    farm.site.start_broker()
    broker = farm.site.broker
    local = {"name": "local", "url": f"mqtt://127.0.0.1:{broker.port}", "user": "gateway",
             "password_file": str(broker.password_file("gateway"))}
    far = {"url": f"mqtts://127.0.0.1:{free_port()}"}
    brokers = [local, {"name": "cloud", **far, **certificate(folder, "cloud", 20)},
               {"name": "county", **far, **certificate(folder, "county", 300)}]
    farm.site.start_watcher()
    farm.site.gateway = garden.Gateway(folder, broker, [line.bus(device())],
                                       profiles=str(folder / "profiles"), mqtt=brokers,
                                       http={"listen": f"127.0.0.1:{port}"})
    farm.site.gateway.start()
    farm.wait(2)
    days = {key: int(value) for key, value in samples(farm, port).items() if "days_left" in key}
    assert days == {'baiye_certificate_days_left{certificate="cloud"}': 19,
                    'baiye_certificate_days_left{certificate="county"}': 299}
    wait_until(lambda: "certificate-cloud" in farm.baiye("alert", "list"), 30, "it is told")
    said = farm.baiye("alert", "list")
    assert "by which broker cloud knows the gateway ends on" in said
    assert "certificate-county" not in said
