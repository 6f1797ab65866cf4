# SPDX-License-Identifier: Apache-2.0
"""Brokers whose certificates are no good: refused, readings are kept, an alert says why, the other
broker does not notice; certificates replaced while it runs. Revocation lists are not supported:
baiyed(8) says so."""
import json
import signal

import garden
import pytest
from gateway import Gateway, assert_in_order, wait_all
from tls import EXPIRED, NOT_YET, Authority, TlsBroker

ALERT = "alert/broker-broker-1"


@pytest.fixture
def cloud(tmp_path):
    """A broker with TLS, its authority, and one that nobody trusts."""
    good, other = Authority(tmp_path / "good"), Authority(tmp_path / "other")
    broker = TlsBroker(tmp_path / "cloud", good)
    yield broker, good, other
    if broker.running():
        broker.kill()


def spoil(broker, good, other, fault):
    if fault == "expired":
        good.issue("broker", broker.certificate, dates=EXPIRED)
    elif fault == "not yet valid":
        good.issue("broker", broker.certificate, dates=NOT_YET)
    elif fault == "another host's":
        good.issue("broker", broker.certificate, subject="DNS:mqtt.example.org,IP:127.0.0.2")
    else:
        other.issue("broker", broker.certificate)


@pytest.mark.parametrize("fault, said", [
    ("expired", "certificate has expired"), ("not yet valid", "certificate is not yet valid"),
    ("another host's", "IP address mismatch"), ("another authority's", "unable to get local issuer"),
])
def test_a_bad_certificate_is_refused_and_named(fault, said, cloud, broker, gateways, watchers):
    far, good, other = cloud
    spoil(far, good, other, fault)
    broker.start()
    far.start()
    near_watcher, far_watcher = watchers(broker), watchers(far)
    gateway = gateways(*Gateway.broker_arguments(broker), *far.told(good), "--rate", 80)
    gateway.wait_state("refused", broker=1)
    gateway.wait_why(said, broker=1)
    garden.wait_until(lambda: near_watcher.retained.get(ALERT), 5, "an alert at the other broker")
    alert = json.loads(near_watcher.retained[ALERT])
    assert said in alert["what"] and alert["level"] == "alarm"
    garden.wait_until(lambda: near_watcher.count() > 200, 20, "the other broker gets readings")
    far_state = gateway.stats()["brokers"][1]
    assert far_state["cursor"] == 1 and far_state["backlog"] > 200 and far_state["connects"] == 0
    assert far_watcher.count() == 0 and "baiye-garden" not in far.log()
    good.issue("broker", far.certificate)
    far.signal(signal.SIGHUP)
    gateway.wait_state("up", broker=1)
    garden.wait_until(lambda: near_watcher.retained.get(ALERT) == b"", 5, "the alert ends")
    gateway.ask("rate 0")
    for watcher in (near_watcher, far_watcher):
        wait_all(watcher, gateway.stats()["taken"])
        assert_in_order(watcher)


def test_a_broker_that_says_nothing_has_refused_nothing(cloud, gateways):
    far, good, other = cloud
    spoil(far, good, other, "expired")
    far.start()
    far.signal(signal.SIGSTOP)
    gateway = gateways(*far.told(good))
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["why"], 30, "it is given up")
    assert gateway.stats()["brokers"][0]["state"] == "down", gateway.stats()
    far.signal(signal.SIGCONT)
    gateway.wait_why("certificate has expired")
    assert gateway.stats()["brokers"][0]["state"] == "refused"


def test_an_own_certificate_that_the_broker_refuses_is_named(tmp_path, broker, gateways, watchers):
    good, other = Authority(tmp_path / "good"), Authority(tmp_path / "other")
    far = TlsBroker(tmp_path / "cloud", good, client_authority=good)
    own = tmp_path / "gateway-own"
    other.issue("gateway", own)
    broker.start()
    far.start()
    watcher = watchers(far)
    try:
        gateway = gateways(*Gateway.broker_arguments(broker), *far.told(good), "--cert",
                           own.with_suffix(".pem"), "--key", own.with_suffix(".key"))
        gateway.put(80)
        gateway.wait_state("refused", broker=1)
        gateway.wait_why("refuses our certificate", broker=1)
        good.issue("gateway", own)  # found with the next try, without a restart
        gateway.wait_state("up", broker=1)
        wait_all(watcher, 80)
        own.with_suffix(".pem").write_text("no certificate")
        far.kill()
        far.start()
        gateway.wait_state("refused", broker=1)
        gateway.wait_why("cert_file", broker=1)
    finally:
        far.kill()
