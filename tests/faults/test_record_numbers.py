# SPDX-License-Identifier: Apache-2.0
"""What a consumer needs to see each loss and to have it healed: the records' numbers in each message,
in a resend the original ones; what the gateway has, in gateway/log; what is gone for good."""
import json

import garden
import jsonschema
import pytest
from gateway import Gateway
from test_payloads import schema
from test_scripted import scripted, wait_taken  # noqa: F401


def ids(broker):
    with broker.lock:
        return [batch.get("ids") for batch in broker.batches]


def covered(ranges):
    return sorted(n for first, last in ranges for n in range(first, last + 1))


def test_messages_cover_each_number_once(scripted, gateways):  # noqa: F811
    broker = scripted()
    gateway = gateways("--broker", broker.port)
    gateway.put(4000)
    wait_taken(broker, 4000)
    assert covered(ids(broker)) == list(range(1, 4001))
    for batch in broker.batches:
        jsonschema.validate(batch, schema("readings"))
        assert batch["ids"][1] - batch["ids"][0] + 1 == len(batch["readings"])


def test_what_is_sent_again_has_its_first_numbers(scripted, gateways):  # noqa: F811
    broker = scripted(lambda _broker, number, *_: "close" if number == 3 else 0)
    gateway = gateways("--broker", broker.port)
    gateway.put(2000)
    wait_taken(broker, 2000)
    assert set(covered(ids(broker))) == set(range(1, 2001))
    numbers = {}
    for batch in broker.batches:
        for n, record in enumerate(batch["readings"], batch["ids"][0]):
            assert numbers.setdefault(n, record) == record


def test_a_resend_by_numbers_brings_exactly_those(scripted, gateways):  # noqa: F811
    broker = scripted()
    gateway = gateways("--broker", broker.port)
    gateway.put(2000)
    wait_taken(broker, 2000)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 10, "delivered")
    first = {n: r for b in broker.batches for n, r in enumerate(b["readings"], b["ids"][0])}
    before = len(broker.batches)
    assert gateway.ask("ids 701 1100") == {"result": "ok", "found": 400, "next": 1101, "gone": []}
    garden.wait_until(lambda: len(covered(ids(broker)[before:])) >= 400, 10, "all of it")
    again = broker.batches[before:]
    assert covered(b["ids"] for b in again) == list(range(701, 1101))
    assert {n: r for b in again for n, r in enumerate(b["readings"], b["ids"][0])} == {
        n: first[n] for n in range(701, 1101)}


def test_a_resend_of_one_device_claims_no_other_devices_numbers(scripted, gateways):  # noqa: F811
    broker = scripted()
    gateway = gateways("--broker", broker.port)
    gateway.put(800)
    wait_taken(broker, 800)
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 10, "delivered")
    before = len(broker.batches)
    assert gateway.ask(f"resend 3 {gateway.boot} 10 59")["found"] == 50
    garden.wait_until(lambda: sum(len(b["readings"]) for b in broker.batches[before:]) >= 50, 10,
                      "all of it")
    for batch in broker.batches[before:]:
        assert "ids" not in batch or batch["ids"][1] - batch["ids"][0] + 1 == len(batch["readings"])


def test_what_does_not_exist_yet_is_neither_found_nor_gone(scripted, gateways):  # noqa: F811
    broker = scripted()
    gateway = gateways("--broker", broker.port)
    gateway.put(80)
    wait_taken(broker, 80)
    assert gateway.ask("ids 71 500") == {"result": "ok", "found": 10, "next": 81, "gone": []}
    assert gateway.ask("ids 500 900") == {"result": "ok", "found": 0, "next": 500, "gone": []}


def test_what_is_gone_for_good_is_said(scripted, gateways):  # noqa: F811
    """The file is small: what every broker has had goes first."""
    broker = scripted()
    gateway = gateways("--broker", broker.port, "--max-size", 700000, "--no-panel", "--at",
                       1700000000000)
    for _ in range(40):
        gateway.put(2000)
        gateway.wait_stored(gateway.stats()["taken"])
    last = gateway.stats()["next"] - 1
    garden.wait_until(lambda: gateway.stats()["dropped"] > 0, 20, "some are dropped")
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["backlog"] == 0, 30, "delivered")
    said = gateway.ask("ids 1 1000")
    assert said["result"] == "ok"
    gone = covered(said["gone"])
    assert gone and said["found"] + len(gone) == 1000 and said["next"] == 1001
    end = gateway.ask(f"ids {last - 9} {last}")
    assert end["found"] == 10 and not end["gone"]


def test_a_correction_has_a_number_and_comes_again_with_it(scripted, gateways):  # noqa: F811
    """The time becomes known after readings of an unknown one have gone out."""
    broker = scripted()
    gateway = gateways("--broker", broker.port)
    gateway.put(8)
    wait_taken(broker, 8)
    gateway.ask("correct -5000")
    def corrections():
        return [r for b in list(broker.batches) for r in b["readings"] if "add_ms" in r]
    garden.wait_until(corrections, 10, "the correction")
    number = corrections()[0]["id"]
    assert number == 9
    gateway.ask(f"ids {number} {number}")
    garden.wait_until(lambda: len(corrections()) == 2, 10, "it comes again")
    assert corrections()[0] == corrections()[1]


def test_the_log_says_what_there_is_and_what_was_sent(broker, gateways, watchers):
    broker.start()
    watcher = watchers(broker)
    gateway = gateways(*Gateway.broker_arguments(broker))

    def log():
        payload = watcher.retained.get("gateway/log")
        return json.loads(payload) if payload else None

    at_connect = garden.wait_until(log, 10, "the log")
    jsonschema.validate(at_connect, schema("log"))
    assert at_connect["gw"] == gateway.gw and at_connect["boot"] == gateway.boot
    assert (at_connect["first"], at_connect["last"], at_connect["sent"]) == (1, 0, 0)
    gateway.put(80)
    garden.wait_until(lambda: watcher.count() == 80, 20, "readings")
    after = garden.wait_until(lambda: log()["last"] == 80 and log(), 75, "the log, a minute later")
    assert (after["first"], after["sent"]) == (1, 80)
    broker.kill()
    gateway.put(80)
    gateway.wait_stored(160)
    broker.start()
    again = garden.wait_until(lambda: log()["last"] >= 160 and log(), 20, "the log, once more")
    assert again["sent"] < 160 or watcher.count() == 160


def test_the_log_says_from_which_version_it_has_gone_back(broker, gateways, watchers, tmp_path):
    broker.start()
    watcher = watchers(broker)
    for state, undone in (("undoing", "0.2.0+deb12"), ("undone", "0.2.0+deb12"), ("confirmed", None)):
        (tmp_path / "state").write_text(f"state {state}\nfrom 0.1.0\nto 0.2.0+deb12\nwhy it hangs\n")
        gateway = gateways(*Gateway.broker_arguments(broker), environment={"BAIYED_UPGRADE": str(tmp_path)})

        def log(boot=gateway.boot):
            payload = json.loads(watcher.retained.get("gateway/log", b"{}"))
            return payload if payload.get("boot") == boot else None

        said = garden.wait_until(log, 20, "the log of this start")
        jsonschema.validate(said, schema("log"))
        assert said.get("undone") == undone
        gateway.kill()


@pytest.mark.parametrize("line", ["ids 0 5", "ids 5 4", "ids 1 100001"])
def test_a_resend_that_asks_for_nothing_or_too_much(line, scripted, gateways):  # noqa: F811
    gateway = gateways("--broker", scripted().port)
    assert gateway.ask(line)["result"] != "ok"
