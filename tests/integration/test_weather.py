# SPDX-License-Identifier: Apache-2.0
"""The weather ahead from a service: fetched by the notifier's process over verified TLS, bounded, and
counted; what is wrong with it is said, and everything else goes on without it."""
import datetime
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema
import pytest
from garden import wait_until
from services import certificate
from test_http import ROOT

SCHEMA = json.loads((ROOT / "protocols/mqtt/forecast.schema.json").read_text())
LINES = [{"name": "west", "baud": 9600, "units": [
    {"kind": "zts-3001", "address": 7, "name": "soil"}]}]
PLOTS = [{"name": "upper", "area": "1.5mu", "soil": "loam", "devices": ["soil"]}]
HERE = {"lat": 26.5, "lon": 107.9, "timezone": "Asia/Shanghai"}


def weather(air_c=1.5):
    """Ten days of the same hour, as Open-Meteo writes them, from today's beginning on."""
    first = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0,
                                                                 microsecond=0)
    times = [round(first.timestamp()) + 3600 * i for i in range(240)]
    return json.dumps({"utc_offset_seconds": 0, "hourly": {
        "time": times, "temperature_2m": [air_c] * 240, "precipitation": [0.2] * 240}})


class Forecaster:
    def __init__(self, folder):
        self.cert, key = certificate(folder, "weather")
        self.asked, self.answer = [], (200, weather())
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                status, body = outer.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/v1/forecast?hourly=all"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def forecaster(tmp_path, monkeypatch):
    monkeypatch.setenv("BAIYE_CLOCK", "trusted")  # no certificate is judged before
    service = Forecaster(tmp_path)
    yield service
    service.stop()


def start(site, **keys):
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s", more={"plots": PLOTS, "location": HERE, "forecast": keys})


def forecast(site, fits):
    def newest():
        payload = site.watcher.retained.get("forecast")
        document = json.loads(payload) if payload else None
        return document if document and fits(document) else None
    document = wait_until(newest, 60, "a forecast")
    jsonschema.validate(document, SCHEMA)
    return document


def test_the_weather_comes_from_a_service_without_any_way_to_people(site, forecaster):
    begun_ms = time.time() * 1000 - 1000
    start(site, url=forecaster.url, ca_file=str(forecaster.cert))
    ahead = forecast(site, lambda d: d["ahead"])["ahead"]
    assert begun_ms <= ahead["made"] <= time.time() * 1000, "its age counts from when it came"
    assert [night["min_c"] for night in ahead["nights"]] == [1.5, 1.5]
    assert forecaster.asked == ["/v1/forecast?hourly=all"], "once, and not again for hours"


@pytest.mark.parametrize("answer, said", [
    ((503, "busy"), "forecast: url: HTTP 503"),
    ((200, " " * 300_000), "forecast: url: the answer is larger than 262144 bytes"),
])
def test_what_is_no_weather_is_said_and_all_else_goes_on(site, forecaster, answer, said):
    forecaster.answer = answer
    start(site, url=forecaster.url, ca_file=str(forecaster.cert))
    wait_until(lambda: said in site.gateway.log(), 60, said)
    assert forecast(site, lambda d: True)["ahead"] is None


def test_a_service_whose_certificate_nobody_vouches_for_is_not_believed(site, forecaster):
    start(site, url=forecaster.url)
    wait_until(lambda: "forecast: url: its certificate can't be verified" in site.gateway.log(), 60, "so")
    assert forecaster.asked == []
    assert forecast(site, lambda d: True)["ahead"] is None
