# SPDX-License-Identifier: Apache-2.0
"""Remote procedure calls against the whole gateway: a simulated bus, a real broker, and the control
socket beside them."""
import json
import socket

import jsonschema
from garden import wait_until

from test_http import ROOT

LINES = [{"name": "west", "baud": 9600, "units": [
    {"kind": "zts-3001", "address": 7, "name": "soil"}]}]
ADDRESS = "  - { name: address, register: 0x07D0, min: 7, max: 8, technician: true }\n"


def start(site):
    profiles = site.folder / "profiles"
    profiles.mkdir()
    shipped = (ROOT / "gateway/profiles/zts-3001-7in1.yaml").read_text()
    (profiles / "zts-3001-7in1.yaml").write_text(f"{shipped}writes:\n{ADDRESS}")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s", more={
        "profiles": str(profiles),
        "plots": [{"name": "upper", "label": "上坡", "area": "2.5mu", "devices": ["soil"]}]})
    wait_until(lambda: site.watcher.count("soil") >= 4, 30, "readings")


def ask(site, method, user="watcher", **arguments):
    correlation = site.watcher.request(method, arguments, user)
    wait_until(lambda: correlation in site.watcher.answers, 10, f"an answer to {method}")
    return site.watcher.answers[correlation]


def by_socket(site, method, **params):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(site.gateway.config["control"]["socket"])
        client.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n")
        with client.makefile() as lines:
            for line in lines:
                answer = json.loads(line)
                if "progress" not in answer:
                    return answer.get("result", answer.get("error"))
    raise EOFError("the gateway hung up")


def test_history_and_resend_give_what_was_taken(site, needs):
    needs("baiye-field", "baiyed")
    start(site)
    readings = site.watcher.copy()
    times = sorted(reading["ts"] for reading in readings.values())
    answer = ask(site, "history", device="soil", metric="soil_moisture", step="raw",
                 **{"from": times[0], "to": times[-1] + 1})
    expected = {r["ts"]: r["values"]["soil_moisture"] for r in readings.values()}
    got = dict(zip(answer["t"], answer["mean"]))
    assert all(abs(got[ts] - value) < 1e-6 for ts, value in expected.items())
    plot = ask(site, "history", plot="upper", metric="soil_moisture", step="raw",
               **{"from": times[0], "to": times[-1] + 1})
    assert plot["t"] == answer["t"]
    assert answer["flags"] == [None] * len(answer["t"])
    hours = ask(site, "history", plot="upper", metric="soil_moisture", step="hour",
                **{"from": times[0] - 3600_000, "to": times[-1] + 1})
    assert sum(hours["n"]) >= len(answer["t"]) and set(hours["bad"]) == {0}
    schema = json.loads((ROOT / "protocols/mqtt/history.schema.json").read_text())
    for one in (answer, plot, hours):
        jsonschema.validate(one, schema)

    (_, boot, first), (_, _, last) = min(readings), max(readings)
    before = site.watcher.duplicates
    assert ask(site, "resend", device="soil", boot=boot, **{"from": first, "to": last}) == {
        "found": last - first + 1}
    wait_until(lambda: site.watcher.duplicates >= before + last - first + 1, 10, "the repetition")


def test_writes_are_limited_read_back_and_audited(site, needs):
    needs("baiye-field", "baiyed")
    start(site)
    assert ask(site, "write", device="soil", name="address", value=7)["error"]["code"] == \
        "forbidden"  # the watcher is a farmer
    assert by_socket(site, "write", device="soil", name="address", value=9)["code"] == "invalid"
    assert by_socket(site, "write", device="soil", name="address", value=7) == {
        "ok": True, "value": 7}
    assert by_socket(site, "read", device="soil", name="address")["values"] == [7]
    assert by_socket(site, "raw", bus="west", unit=7, pdu="0307d00001")["pdu"] == "03020007"
    assert by_socket(site, "scan", bus="west", **{"from": 6, "to": 8}) == {"found": [7]}
    rows = by_socket(site, "audits", limit=20)["audits"]
    assert [(row["method"], row["via"], row["result"].split(":")[0]) for row in rows[::-1]] == [
        ("write", "local", "forbidden"), ("write", "socket", "invalid"),
        ("write", "socket", "ok"), ("raw", "socket", "ok"), ("scan", "socket", "ok")]
    taken = site.watcher.count("soil")
    wait_until(lambda: site.watcher.count("soil") > taken, 10, "polling goes on")


def test_a_pick_is_counted_once(site, needs):
    needs("baiye-field", "baiyed")
    start(site)
    pick = {"id": "6f1c", "plot": "upper", "day": "2026-04-03", "kg": 8.5, "pickers": 3}
    assert ask(site, "pick", **pick) == {"ok": True}
    assert ask(site, "pick", **{**pick, "kg": 9}) == {"ok": True}
    assert ask(site, "pick", **{**pick, "plot": "nowhere"})["error"]["code"] == "unknown"
    assert by_socket(site, "stats")["store"]["available"]
