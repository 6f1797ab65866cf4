# SPDX-License-Identifier: Apache-2.0
"""/metrics of a running gateway, read by the parser of Prometheus' own Python client."""
import re
import time

import pytest
from garden import free_port, wait_until
from prometheus_client.parser import text_string_to_metric_families

from webclient import request

LINES = [{"name": "west", "baud": 9600, "units": [
             {"kind": "zts-3001", "address": 7, "name": "soil"},
             {"kind": "xy-md02", "address": 1, "name": "air"}]},
         {"name": "east", "baud": 9600, "units": [
             {"kind": "xy-md02", "address": 1, "name": "shed"}]}]
UNITS = ("seconds", "bytes", "records")
# Plain numbers of things and yes/no: nothing that has a unit.
PLAIN = {"baiye_ready", "baiye_store_available", "baiye_store_clock_trusted", "baiye_bus_up",
         "baiye_broker_up", "baiye_broker_thrifty", "baiye_broker_twin", "baiye_device_up",
         "baiye_http_connections", "baiye_http_bridges"}


@pytest.fixture
def port(site, needs):
    needs("baiye-field", "baiyed")
    port = free_port()
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s", more={
        "http": {"listen": f"127.0.0.1:{port}"},
        "mqtt": [{"name": "local", "url": f"mqtt://127.0.0.1:{site.broker.port}",
                  "user": "gateway", "password_file": str(site.broker.password_file("gateway"))},
                 {"name": "cloud", "url": f"mqtt://127.0.0.1:{free_port()}", "user": "gateway",
                  "password_file": str(site.broker.password_file("gateway")),
                  "budget": "30MB/month"}]})
    wait_until(lambda: all(site.watcher.count(name) >= 2 for name in ("soil", "air", "shed")), 30,
               "readings")
    return port


def scrape(site, port):
    answer = request(port, "/metrics", user="watcher", password=site.broker.passwords["watcher"])
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def samples(text):
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def test_a_foreign_parser_understands_every_line(site, port):
    text = scrape(site, port)
    families = list(text_string_to_metric_families(text))
    seen = [(sample.name, tuple(sorted(sample.labels.items())))
            for family in families for sample in family.samples]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(seen) == len(lines) and len(set(seen)) == len(seen)
    assert text.endswith("\n") and "\n\n" not in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(names) == len(set(names)) == len(families)
    for family, name in zip(families, names):
        assert family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge"), name
        assert (family.type == "counter") == name.endswith("_total"), name
        assert re.fullmatch(r"baiye(_[a-z0-9]+)+", name)
        assert not re.search(r"_(ms|us|kb|mb|percent)(_|$)", name), name
        if family.type == "gauge":
            assert name in PLAIN or name.endswith(UNITS), name
        # A family's samples stand together, behind its own two lines.
        block = text.split(f"# HELP {name} ")[1].split("# HELP ")[0].splitlines()
        assert block[1].startswith(f"# TYPE {name} ")
        assert all(re.match(rf"{name}[ {{]", line) for line in block[2:]) and len(block) > 2


def test_every_part_of_the_gateway_is_counted(site, port):
    got = samples(scrape(site, port))
    for part, names in (("bus", ("west", "east")), ("device", ("soil", "air", "shed")),
                        ("broker", ("local", "cloud"))):
        kinds = {key[0] for key in got if key[0].startswith(f"baiye_{part}_")}
        assert len(kinds) >= 9
        for kind in kinds:
            assert {key[1] for key in got if key[0] == kind} == set(names), kind
    assert got["baiye_broker_up", "local"] == 1 and got["baiye_broker_up", "cloud"] == 0
    assert got["baiye_broker_budget_bytes", "cloud"] == 30e6
    assert got["baiye_broker_budget_bytes", "local"] == 0
    assert got["baiye_broker_sent_bytes_total", "local"] > 500
    assert got["baiye_broker_month_bytes", "local"] >= got["baiye_broker_sent_bytes_total", "local"]
    assert got["baiye_broker_backlog_records", "cloud"] >= 6
    assert got["baiye_store_written_bytes_total",] > 4096
    assert 0 < got["baiye_store_file_bytes",] < got["baiye_store_file_limit_bytes",] == 64e6
    assert got["baiye_http_connections",] == 1
    assert got["baiye_ready",] == 0  # a broker on this machine is down: /ready says so too


def test_the_numbers_are_those_of_the_line_and_go_up(site, port):
    before = samples(scrape(site, port))
    site.field.control("fault", line="west", unit=7, kind="dead")

    def told():
        """A bus tells of its devices every 10 s. What came before that was taken before it."""
        came, got = len(site.watcher.copy()), samples(scrape(site, port))
        dead = got["baiye_device_timeouts_total", "soil"] >= 2 and got["baiye_device_up", "soil"] == 0
        return (came, got) if dead else None
    came, after = wait_until(told, 30, "the dead device")
    assert all(after[key] >= before[key] for key in before if key[0].endswith("_total"))
    assert after["baiye_bus_timeouts_total", "west"] > before["baiye_bus_timeouts_total", "west"]
    assert after["baiye_device_up", "air"] == after["baiye_device_up", "shed"] == 1
    for metric in ("last_seen_timestamp_seconds", "good_total"):
        assert after[f"baiye_device_{metric}", "air"] > before[f"baiye_device_{metric}", "air"]
    assert after["baiye_device_last_seen_timestamp_seconds", "air"] == pytest.approx(
        time.time(), abs=30)
    # A request of 8 bytes and an answer of 9 at 9600 baud: nothing is faster than the wire.
    asked = after["baiye_bus_answers_total", "east"]
    assert after["baiye_bus_busy_seconds_total", "east"] >= asked * 17 * 10 / 9600 * 0.9
    assert after["baiye_store_taken_total",] >= came
