# SPDX-License-Identifier: Apache-2.0
"""What a reading costs in bytes: 30 devices of 10 values, each asked once a minute, stored and
published as a farm's file says that sets nothing.

block_per_reading     written to the block device: a file of its own with ext4 on it, mounted as a
                      loop device, the file system's journal and tables included (root only; else
                      what the daemon hands to the kernel to be written, and the name ends in _io)
store_per_reading     of these, what the store handed to the file system
plain_per_reading     over the connection to a broker (readings, live values, health, pings, MQTT's
deflate_per_reading   own bytes), as it is, and with `encoding: deflate`
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import _lines
import garden
from gateway import processes, stats

DEVICES = 30
WARM_UP_S = 70  # everything retained is out, each device has been asked


def scene():
    return [{"name": "net", "type": "tcp", "quiet": True,
             "units": [{"kind": "responder", "address": 1, "count": DEVICES}]}]


@contextlib.contextmanager
def disk(folder):
    """(a folder on an ext4 of its own, its device); not for root: (a folder, None)."""
    place, image = folder / "disk", folder / "disk.img"
    place.mkdir()
    if os.getuid() != 0:
        yield place, None
        return
    subprocess.run(["truncate", "-s", "1G", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image],
                   check=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        device = subprocess.run(["findmnt", "-no", "SOURCE", place], check=True,
                                capture_output=True, text=True).stdout.strip()
        yield place, pathlib.Path(device).name
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def written(device, pids):
    """Bytes so far, of the block device, or handed over by the processes."""
    os.sync()
    if device is not None:
        return 512 * int(pathlib.Path(f"/sys/block/{device}/stat").read_text().split()[6])
    return sum(int(line.split()[1]) for pid in pids
               for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
               if line.startswith("write_bytes"))


def broker_of(site, name, **more):
    folder = site.folder / name
    folder.mkdir()
    broker = garden.Broker(folder)
    broker.start()
    site.others.append(broker)
    return {"name": name, "url": f"mqtt://127.0.0.1:{broker.port}", "user": "gateway",
            "password_file": str(broker.password_file("gateway")), **more}


def counts(site, device, pids):
    said = stats(site)
    sent = {broker["name"]: broker["bytes_sent"] for broker in said["brokers"]}
    return {"readings": said["store"]["stored"], "store": said["store"]["bytes_written"],
            "block": written(device, pids), **sent}


def measure(site, minutes):
    site.start_field(scene())
    with disk(site.folder) as (place, device):
        brokers = [broker_of(site, "plain"), broker_of(site, "deflate", encoding="deflate")]
        buses = [{"name": "net", "type": "tcp", "port": site.field.port("net"), "devices": [
            {"name": f"net-{unit}", "profile": "responder", "address": unit, "every": "60s"}
            for unit in range(1, DEVICES + 1)]}]
        site.start_broker()
        site.gateway = garden.Gateway(site.folder, site.broker, buses, mqtt=brokers,
                                      store={"path": str(place / "readings.db")},
                                      profiles=str(_lines.write_profile(site.folder)))
        site.gateway.start()
        try:
            time.sleep(WARM_UP_S)
            pids = processes(site.gateway.child.pid)
            begun = counts(site, device, pids)
            time.sleep(60 * minutes)
            ended = counts(site, device, pids)
        finally:
            site.gateway.stop()
    found = {key: ended[key] - begun[key] for key in begun}
    readings = found.pop("readings")
    assert readings >= 0.9 * DEVICES * minutes, f"{readings} readings in {minutes} minutes"
    return readings, {("block_io" if key == "block" and device is None else key): value / readings
                      for key, value in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    options = parser.parse_args()
    site = garden.Site(pathlib.Path(tempfile.mkdtemp(prefix="baiye-")))
    try:
        readings, found = measure(site, options.minutes)
    finally:
        site.close()
        shutil.rmtree(site.folder, ignore_errors=True)
    print(f"bytes: readings={readings} " +
          " ".join(f"{key}_per_reading={value:.0f}" for key, value in found.items()))


if __name__ == "__main__":
    main()
