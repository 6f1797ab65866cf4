# SPDX-License-Identifier: Apache-2.0
"""Rain from the bucket to the subscriber: a gauge tips in the simulated garden, the node counts,
the gateway polls and stores, MQTT carries. So many tips, so much rain; whatever restarts on the
way."""
import json
import subprocess

import garden

NODE = 5
DRY = "time,rainfall\n2026-04-01T00:00:00Z,0\n2026-04-02T00:00:00Z,0\n"
# 3 mm an hour from 1:00:30 to 2:02:30, with slopes of a minute: 3.1 mm, half a tip beyond 15 of 0.2.
SHOWER = ("time,rainfall\n2026-04-01T00:00:00Z,0\n2026-04-01T01:00:00Z,0\n2026-04-01T01:01:00Z,3\n"
          "2026-04-01T02:02:00Z,3\n2026-04-01T02:03:00Z,0\n2026-04-08T00:00:00Z,0\n")


def start(site, hours, speed, bucket_mm=0.2):
    path = site.folder / "hours.csv"
    path.write_text(hours)
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "native", "address": NODE, "name": "plot-1", "period_s": 2,
         "bucket_mm": bucket_mm}]}],
        weather={"start": "2026-04-01T00:00:00Z", "speed": speed, "csv": str(path)})
    site.start_watcher()
    site.start_gateway(more={"plots": [{"name": "upper", "label": "上坡", "area": "2.5mu",
                                        "devices": ["plot-1"]}]})


def rainfall(site):
    """Hundredths of a millimetre in all readings so far. The first live one after a start of the
    gateway may not know: what it could not tell, the next one does."""
    readings = site.watcher.copy().values()
    flags = [r["flags"]["rainfall"] for r in readings if "rainfall" in r.get("flags", {})]
    assert set(flags) <= {"absent"}, flags
    return round(sum(r["values"].get("rainfall", 0) for r in readings) * 100)


def tips(site):
    return site.field.counts("east")["units"][0]["tips"]


def tip(site, count):
    site.field.control("tips", line="east", unit=NODE, count=count)


def rained(site, hundredths, what):
    """That much, and no more when two samples more have come."""
    garden.wait_until(lambda: rainfall(site) >= hundredths, 60, what)
    count = site.watcher.count()
    garden.wait_until(lambda: site.watcher.count() >= count + 2, 60, "samples after it")
    assert rainfall(site) == hundredths, what


def test_every_tip_arrives_once_whatever_restarts(site, needs):
    needs("baiyed", "baiye-field", "baiye-node")
    start(site, DRY, 1)
    garden.wait_until(lambda: site.watcher.count() >= 2, 60, "readings")
    assert rainfall(site) == 0
    tip(site, 7)
    rained(site, 140, "seven tips of 0.2 mm")

    assert site.gateway.stop() == 0
    tip(site, 5)
    site.gateway.start()
    rained(site, 240, "tips while the gateway was off")

    site.gateway.kill()
    tip(site, 3)
    site.gateway.start()
    tip(site, 2)
    rained(site, 340, "tips around a gateway's death")

    boots = {boot for _, boot, _ in site.watcher.copy()}
    site.field.control("power", line="east", unit=NODE, on=False)
    tip(site, 4)  # nobody counts them
    assert tips(site) == 17
    site.field.control("power", line="east", unit=NODE, on=True)
    garden.wait_until(lambda: {boot for _, boot, _ in site.watcher.copy()} - boots, 60,
                      "readings of the new boot")
    tip(site, 6)
    rained(site, 460, "a counter that began again at 0")

    site.field.control("power", line="east", unit=NODE, on=False)
    assert site.gateway.stop() == 0
    site.field.control("power", line="east", unit=NODE, on=True)
    garden.wait_until(lambda: tip(site, 1) or tips(site) > 23, 30, "the node counts again")
    more = tips(site) - 23
    site.gateway.start()
    rained(site, 460 + 20 * more, "both restarted, and rain before the gateway came back")

    done = subprocess.run([garden.program("baiye"), "settings", "plot-1", "tip=0.25", "--socket",
                           site.folder / "baiyed.sock"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tip(site, 2)
    rained(site, 510 + 20 * more, "another bucket from now on")
    plot = json.loads(site.watcher.retained["plot/upper/live"])
    assert "rainfall" in plot["values"], plot


def test_the_weathers_rain_fills_the_bucket(site, needs):
    needs("baiyed", "baiye-field", "baiye-node")
    start(site, SHOWER, 360)
    rained(site, 300, "3.1 mm of weather, 15 tips of 0.2 mm")
    assert tips(site) == 15
