# SPDX-License-Identifier: Apache-2.0
"""`baiye report`: the sheet that a customer signs, of a line or of a site, through the running gateway."""
import base64
import html
import json
import os
import re
import subprocess
import zlib

import pytest

import garden
from garden import wait_until
from systembus import start_modem

POLLS = 120
SHARE = 0.5  # of the answers of one device that are damaged
LINES = [
    {"name": "east", "baud": 38400, "units": [
        {"kind": "native", "address": 3, "name": "node", "serial": 4711, "period_s": 1},
        {"kind": "xy-md02", "address": 4, "name": "air"},
        {"kind": "xy-md02", "address": 5, "name": "bad",
         "faults": [{"kind": "flip", "probability": SHARE}]}]},
    {"name": "west", "baud": 38400, "units": [{"kind": "xy-md02", "address": 1, "name": "shed"}]}]
LABEL = "Tea & \"<b>herbs</b>\" 茶'"


def png(width=2, height=2):
    def chunk(name, data):
        return (len(data).to_bytes(4, "big") + name + data +
                zlib.crc32(name + data).to_bytes(4, "big"))
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    rows = zlib.compress((b"\x00" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def report(site, *words, language="C"):
    return subprocess.run(
        [garden.program("baiye"), "report", *map(str, words), "--config", site.gateway.config_path,
         "--socket", site.folder / "baiyed.sock"], capture_output=True, text=True, timeout=400,
        check=False, cwd=site.folder, env={**os.environ, "LC_ALL": language})


@pytest.fixture
def running(site, needs):
    needs("baiye-field", "baiyed", "baiye", "baiye-node")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    buses = site.buses("1s")
    buses[0]["devices"][0]["calibration_due"] = {"soil_moisture": "2020-02-29"}
    buses[0]["devices"][1].update(label=LABEL, offset={"air_temperature": -0.4},
                                  adjusted={"on": "2026-03-01", "by": "林云"},
                                  calibration_due={"air_temperature": "2199-12-31"})
    site.gateway = garden.Gateway(site.folder, site.broker, buses, label="白叶 <1>", plots=[
        {"name": "south", "label": "South & sunny", "devices": ["air", "node"]}])
    site.gateway.start()
    for device in ("node", "air", "bad", "shed"):
        wait_until(lambda: site.watcher.count(device) > 1, 60, f"readings of {device}")
    return site


def test_a_known_error_rate_is_the_one_that_the_sheet_shows(running, figure):
    taken = running.watcher.count("shed")
    done = report(running, "east", "--json", "--polls", POLLS)
    assert done.returncode == 1 and done.stderr == "", done.stdout + done.stderr
    sheet = json.loads(done.stdout)
    devices = {device["name"]: device for device in sheet["devices"]}
    assert list(devices) == ["node", "air", "bad"] and sheet["passed"] is False
    polls = {name: device["polls"] for name, device in devices.items()}
    assert all(one["polls"] == POLLS and one["whole"] for one in polls.values())
    sigma = (SHARE * (1 - SHARE) / POLLS) ** 0.5
    assert abs(polls["bad"]["error_rate"] - SHARE) < 6 * sigma, polls["bad"]
    assert devices["bad"]["passed"] is False and "errors" in devices["bad"]["reasons"]
    for name in ("node", "air"):  # a loaded machine may be late once
        assert polls[name]["error_rate"] < SHARE - 6 * sigma, devices[name]
        assert ("errors" in devices[name]["reasons"]) == (polls[name]["error_rate"] > sheet["limit"])
        assert 0 < polls[name]["p50_us"] <= polls[name]["p99_us"]
    figure(f"{POLLS} polls with {SHARE:.0%} damaged: {polls['bad']['error_rate']:.1%} on the sheet")
    assert running.watcher.count("shed") > taken  # the gateway goes on meanwhile
    assert devices["node"]["serial"].startswith("0000-1267") and devices["node"]["firmware"]
    assert devices["node"]["plot"] == "south" and devices["bad"]["plot"] == ""
    assert devices["node"]["calibration"] == [
        {"metric": "soil_moisture", "how": "", "on": "", "by": "", "due": "2020-02-29", "past": True}]
    assert devices["air"]["calibration"] == [
        {"metric": "air_temperature", "how": "times 1, plus -0.4", "on": "2026-03-01", "by": "林云",
         "due": "2199-12-31", "past": False}]
    assert not list(running.folder.glob("*.html"))


def test_the_sheet_is_one_file_with_photos_and_nothing_of_a_name_becomes_markup(running):
    photos = running.folder / "photos"
    photos.mkdir()
    (photos / "air.png").write_bytes(png())
    (photos / "bad.jpg").write_text("<script>")
    (photos / "node.jpeg").write_bytes(b"\xff\xd8\xff" + bytes(5 << 20))
    done = report(running, "east", "--polls", 20, "--photos", photos, "--operator", "<Lin>",
                  "--out", "sheet.html")
    assert "bad.jpg is left out: it is no JPEG" in done.stderr
    assert "node.jpeg is left out: a photo may have 4 MB" in done.stderr
    text = (running.folder / "sheet.html").read_text()
    assert "data:image/png;base64," + base64.b64encode(png()).decode() in text
    assert text.count("<img ") == 1 and "<script" not in text and "<b>" not in text
    assert html.escape(LABEL).replace("&#x27;", "&#39;") in text
    assert "白叶 &lt;1&gt;" in text and "&lt;Lin&gt;" in text
    assert "South &amp; sunny" in text and "0000-1267" in text and "2020-02-29" in text
    assert not re.search("(href|src)=(?!\"data:)", text) and "url(" not in text
    assert "Signatures" in text and "none: no modem" in text


def test_a_site_is_all_of_its_lines_and_chinese_is_chinese(running):
    done = report(running, "garden", "--polls", 20, "--lang", "zh", "--out", "sheet.html")
    text = (running.folder / "sheet.html").read_text()
    shown = re.sub("<[^>]*>", " ", text.split("</style>")[1])
    assert '<html lang="zh-CN">' in text and "验收单" in shown and "签字" in shown
    assert "shed" in shown and "bad" in shown and "Device" not in shown and "Serial" not in shown
    assert done.stdout.splitlines()[-1] == "sheet.html"
    assert "598" in shown and "598" in done.stdout and "too few" not in shown + done.stdout
    english = report(running, "west", "--polls", 20, "--lang", "en", language="zh_CN.UTF-8")
    assert english.returncode in (0, 1) and "errors of 20 polls" in english.stdout, english.stderr
    made = running.folder / english.stdout.splitlines()[-1]
    assert re.fullmatch(r"west-\d{4}-\d\d-\d\d\.html", made.name)
    assert "Acceptance sheet" in made.read_text() and "assed: " in made.read_text()


def test_the_uplinks_signal_is_what_the_modem_manager_says(running, system_bus):
    start_modem(running)
    done = report(running, "west", "--polls", 10, "--json")
    assert json.loads(done.stdout)["uplink"] == [
        {"quality": 72, "access": "LTE", "operator": "<Tea> Mobile"}]


def test_a_dead_device_is_given_up_soon_and_named(running):
    device = running.gateway.config["buses"][1]["devices"]
    device.append({"name": "gone", "profile": "xy-md02", "address": 9, "every": "1s"})
    running.gateway.write_config()
    unknown = report(running, "west", "--polls", 10)
    assert unknown.returncode == 69 and '"gone"' in unknown.stderr, unknown.stderr
    assert subprocess.run([garden.program("baiye"), "reload", "--socket",
                           running.folder / "baiyed.sock"], check=False).returncode == 0
    done = report(running, "west", "--json", "--polls", 60)
    found = {device["name"]: device for device in json.loads(done.stdout)["devices"]}
    assert done.returncode == 1 and found["shed"]["reasons"] in ([], ["errors"])
    assert found["gone"]["passed"] is False and found["gone"]["reasons"] == ["silent"]
    assert found["gone"]["polls"]["polls"] < 50 and found["shed"]["polls"]["polls"] == 60


def test_the_pdf_is_a4_and_has_what_the_sheet_says(running):
    done = report(running, "west", "--polls", 10, "--pdf", "--out", "sheet.html")
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.splitlines()[-2:] == ["sheet.html", "sheet.pdf"]
    data = (running.folder / "sheet.pdf").read_bytes()
    box = re.search(rb"/MediaBox *\[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert data.startswith(b"%PDF-") and box
    assert abs(float(box[1]) - 595) < 2 and abs(float(box[2]) - 842) < 2
    assert not list(running.folder.glob("sheet.html.new*"))


def test_what_it_can_not_do_it_says(running):
    assert report(running, "north").returncode == 66
    assert report(running, "east", "--lang", "de").returncode == 64
    assert report(running, "east", "--polls", "0").returncode == 64
    nowhere = report(running, "west", "--polls", 5, "--out", "no/such/folder.html")
    assert nowhere.returncode == 73 and "can't write" in nowhere.stderr
    running.gateway.stop()
    none = report(running, "west", "--out", "sheet.html")
    assert none.returncode == 69 and not (running.folder / "sheet.html").exists()
