# SPDX-License-Identifier: Apache-2.0
"""The Prometheus rules and the Grafana dashboard of the package, with Debian's prometheus: the rules
fire when they should, and every query finds what a running gateway serves."""
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml
from garden import ROOT, free_port, wait_until

from test_metrics import port, samples, scrape  # noqa: F401  a fixture, and how to use it

MONITORING = ROOT / "gateway/packaging/monitoring"
RULES = MONITORING / "baiye-alerts.yml"
DASHBOARD = json.loads((MONITORING / "baiye-dashboard.json").read_text())
# Written by Prometheus itself.
FOREIGN = {"up"}
# Served by a gateway that has one: tests/field/test_certificates_end.py reads it there.
WITH_CERTIFICATE = {"baiye_certificate_days_left"}


def rule_queries():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def panel_queries():
    """As Grafana sends them with everything chosen."""
    return [target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
            for panel in DASHBOARD["panels"] for target in panel["targets"]]


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_fire_for_what_they_are_for_and_not_before():
    promtool("check", "rules", RULES)
    promtool("test", "rules", ROOT / "tests/integration/monitoring_rules.yml")
    tested = (ROOT / "tests/integration/monitoring_rules.yml").read_text()
    for query in rule_queries():
        for name in re.findall(r"baiye_\w+", query):
            assert name in tested, f"no test for {name}"


@pytest.fixture
def prometheus(site, port, tmp_path):  # noqa: F811
    secret = tmp_path / "password"
    secret.write_text(site.broker.passwords["watcher"])
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "baiye", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                            "basic_auth": {"username": "watcher", "password_file": str(secret)}}]}))
    promtool("check", "config", tmp_path / "prometheus.yml")
    own = free_port()
    process = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{own}", "--log.level=warn"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, **query):
        url = f"http://127.0.0.1:{own}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except ConnectionError:
            return None
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is still starting
                return None
            raise AssertionError(f"{query}: {error.read()}") from error
        except urllib.error.URLError:
            return None
    yield ask
    process.kill()
    process.wait(120)


def test_every_query_finds_what_a_gateway_serves(site, port, prometheus):  # noqa: F811
    served = {name for name, *_ in samples(scrape(site, port))}
    for query in [*rule_queries(), *panel_queries()]:
        names = set(re.findall(r"\b(?:baiye_\w+|up)\b", query)) - FOREIGN - WITH_CERTIFICATE
        assert names <= served, f"{query}: {names - served} is served by no gateway"

    def rates():
        found = prometheus("query", query="rate(baiye_store_taken_total[1m])")
        return found is not None and found["result"]
    wait_until(rates, 60, "two scrapes of the gateway")
    for query in panel_queries():
        # A series is gone while a scrape took longer than its second.
        wait_until(lambda query=query: (prometheus("query", query=query) or {}).get("result"), 60,
                   f"{query}: a series")
    loaded = prometheus("rules")["groups"][0]["rules"]
    assert [rule["health"] for rule in loaded if rule["health"] == "err"] == []
    assert len(loaded) == len(rule_queries())
