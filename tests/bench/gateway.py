# SPDX-License-Identifier: Apache-2.0
"""What the whole gateway makes of Modbus TCP flat out: 2 connections, 250 units on each, 10
registers a poll, every reading stored durably and published in `readings`, against bare libmodbus
on as many threads, while the same simulator, broker and subscriber are alive. All of it on one processor:
with two, in a virtual machine, what is measured is how long an idle one takes to be woken.

tcp_ratio   polls a second, ours over bare libmodbus
cpu_ratio   CPU time a poll, bare libmodbus over ours (all processes of the gateway)
pss_mb      memory of all processes of the gateway together
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import _lines
import garden

UNITS = 250
LINES = ["net-1", "net-2"]
WARM_UP_S = 5
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def scene():
    return [{"name": name, "type": "tcp", "quiet": True,
             "units": [{"kind": "responder", "address": 1, "count": UNITS}]} for name in LINES]


def processes(parent):
    """The process and its children."""
    found = [parent]
    for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def cpu_s(pids):
    total = 0.0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def pss_mb(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def bare(field, seconds):
    """(polls a second, CPU seconds a poll) of libmodbus alone."""
    ports = [field.port(name).split(":")[1] for name in LINES]
    output = subprocess.run([garden.program("bench-modbus"), str(UNITS), str(_lines.REGISTERS),
                             str(seconds), *ports], check=True, capture_output=True, text=True)
    numbers = {key: float(value) for key, value in
               (pair.split("=") for pair in output.stdout.split())}
    assert numbers["errors"] == 0, output.stdout
    return numbers["polls"] / numbers["seconds"], numbers["cpu"] / numbers["polls"]


def polled(field):
    return sum(line["answers"] for line in field.control("counts")["lines"])


def stats(site):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(site.gateway.config["control"]["socket"])
        client.sendall(b'{"id":1,"method":"stats"}\n')
        with client.makefile() as answers:
            return json.loads(answers.readline())["result"]


def start_subscriber(site):
    """As light as one can be: the words go nowhere."""
    (site.folder / "mosquitto_sub").write_text(
        f"-u watcher\n-P {site.broker.passwords['watcher']}\n")
    subscriber = site.add(garden.Process(site.folder, "subscriber", [
        "mosquitto_sub", "-V", "mqttv5", "-p", str(site.broker.port), "-q", "1", "-N",
        "-F", "%l", "-t", f"baiye/{garden.SITE}/readings"],
        {"XDG_CONFIG_HOME": str(site.folder)}))
    subscriber.start()
    return subscriber


def gateway_buses(field):
    devices = [{"profile": "responder", "address": unit, "every": "1ms"}
               for unit in range(1, UNITS + 1)]
    return [{"name": name, "type": "tcp", "port": field.port(name), "allow_overload": True,
             "devices": [{"name": f"{name}-{device['address']}", **device} for device in devices]}
            for name in LINES]


def ours(site, seconds):
    """(polls a second, CPU seconds a poll, MB) of the gateway."""
    site.gateway = garden.Gateway(site.folder, site.broker, gateway_buses(site.field),
                                  profiles=str(_lines.write_profile(site.folder)))
    site.gateway.config["store"].update(max_size="512MB", commit_every="1s")
    site.gateway.write_config()
    site.gateway.start()
    time.sleep(WARM_UP_S)
    assert site.gateway.running(), site.gateway.log()[-3000:]
    pids = processes(site.gateway.child.pid)
    polls, cpu, start = polled(site.field), cpu_s(pids), time.monotonic()
    time.sleep(seconds)
    polls, cpu = polled(site.field) - polls, cpu_s(pids) - cpu
    elapsed = time.monotonic() - start
    memory, counted = pss_mb(pids), stats(site)
    store, broker = counted["store"], counted["brokers"][0]
    print(f"  {store['taken']} taken, {store['stored']} stored, {store['lost']} lost, "
          f"{broker['backlog']} not yet published", flush=True)
    assert store["lost"] == 0 and broker["state"] == "up", counted
    assert store["waiting"] + broker["backlog"] < 5 * polls / elapsed, "it fell behind"
    site.gateway.stop()
    return polls / elapsed, cpu / polls, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement")
    seconds = parser.parse_args().seconds
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    site = garden.Site(pathlib.Path(tempfile.mkdtemp(prefix="baiye-")))
    try:
        site.start_broker()
        site.start_field(scene(), prompt=False)  # no wire is to be kept time with
        start_subscriber(site)
        before = bare(site.field, seconds / 2)
        gateway = ours(site, seconds)
        after = bare(site.field, seconds / 2)
    finally:
        site.close()
        shutil.rmtree(site.folder, ignore_errors=True)
    rate, cpu = ((one + two) / 2 for one, two in zip(before, after))
    print(f"  bare: {rate:.0f} polls/s, {cpu * 1e6:.1f} us of CPU a poll; gateway: "
          f"{gateway[0]:.0f} polls/s, {gateway[1] * 1e6:.1f} us")
    print(f"gateway: tcp_ratio={gateway[0] / rate:.3f} cpu_ratio={cpu / gateway[1]:.3f} "
          f"pss_mb={gateway[2]:.1f}")


if __name__ == "__main__":
    main()
