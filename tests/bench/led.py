#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The LED screen: from a value's message to its picture at the panel (worst of forty changes), and
memory after 1,000 messages a second and a page of each kind at 320x160."""
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import garden  # noqa: E402
import ledscreen  # noqa: E402

WIDTH, HEIGHT, CHANGES = 320, 160, 40
TITLE = 30  # rows of the title, where the clock ticks


def body_of(panel, sender, value):
    """What stands below the title once the value is there, found without timing it."""
    before = panel.newest()
    sender.air(value)
    _, frame = panel.wait(lambda f: ledscreen.shows_number(f) and
                          panel.body(f, TITLE) != panel.body(before, TITLE), 10, f"{value}",
                          since=time.monotonic())
    return panel.body(frame, TITLE)


def flood(sender, seconds):
    began, sent = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        while sent < 1000 * (time.monotonic() - began):
            sender.send("plot/upper/live", '{"ts":%d,"every_s":60,"values":{"air_temperature":%d}}'
                        % (time.time() * 1000, sent % 30), qos=0)
            sent += 1
        time.sleep(0.002)


def measure(site):
    broker = ledscreen.start_broker(site)
    panel = ledscreen.Receiver(WIDTH, HEIGHT)
    sender = ledscreen.Sender(broker)
    sender.send("gateway/status", "online")
    led = site.add(ledscreen.Led(site.folder, broker,
                                 [{"type": "ddp", "to": f"127.0.0.1:{panel.port}"}],
                                 screen={"width": WIDTH, "height": HEIGHT}))
    led.start()
    panel.wait(lambda _: True, 10, "the first picture")
    bodies = [body_of(panel, sender, value) for value in (18.2, 19.7)]
    worst = 0.0
    for i in range(CHANGES):
        value, body = ((18.2, bodies[0]), (19.7, bodies[1]))[i % 2]
        began = time.monotonic()
        sender.air(value)
        at, _ = panel.wait(lambda f, b=body: panel.body(f, TITLE) == b, 5, f"{value}", since=began)
        worst = max(worst, at - began)
    flood(sender, 3)
    for i in range(20):
        sender.send(f"alert/a{i}", {"what": "霜冻" * 2000, "level": "alarm"})
    panel.wait(lambda f: (255, 40, 20) in ledscreen.colors(f), 5, "the alarm")
    rss = led.rss_mb()
    sender.stop()
    panel.stop()
    assert not panel.wrong, panel.wrong
    return worst * 1000, rss


folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))
made = garden.Site(folder)
try:
    change_ms, rss_mb = measure(made)
finally:
    made.close()
    shutil.rmtree(folder, ignore_errors=True)
print(f"led: change_ms={change_ms:.0f} rss_mb={rss_mb:.1f}")
sys.exit(0 if change_ms <= 1000 and rss_mb <= 16 else 1)
