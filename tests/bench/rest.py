# SPDX-License-Identifier: Apache-2.0
"""What a gateway costs that has little to do, and how soon a value is with who looks at it.

idle_wakeups_s      voluntary context switches a second of all threads, 10 devices asked once a minute
cpu_10k_N           CPU seconds of 10,000 polls at N polls a second, all processes of the gateway
ratio_N             the same over a minimal client's of the same run: libmodbus, one QoS 1 message a
                    poll by Paho, nothing stored (10 registers a poll, Modbus TCP)
wakeups_N           voluntary context switches of one poll at that rate; beside it the client's
pss_mb              memory of all processes of the gateway with 500 devices
threads_N, …        with N TCP ports, a device on each, asked once a second: threads of all processes,
                    memory of one port more (port_kb), wake-ups a second, CPU seconds of 10,000 polls
live_p50_ms, _p99   how old `live` is when it reaches a subscriber, 100 devices asked in bursts
nagle_p50_ms, _p99  the same from a broker that keeps Nagle's algorithm (mosquitto's default), and for
nagle_qos0_…        one who subscribes with QoS 0, so that its kernel has nothing to send an ACK with
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import _lines
import garden
from gateway import cpu_s, processes, pss_mb

PORTS = ["net-1", "net-2"]
UNITS = 250
RATES = (10, 100, 500)
MANY = (50, 500)  # ports
WARM_UP_S = 12  # connected, everything retained is out


def scene():
    return [{"name": name, "type": "tcp", "quiet": True,
             "units": [{"kind": "responder", "address": 1, "count": UNITS}]} for name in PORTS]


def scattered(ports):
    return [{"name": f"port-{at}", "type": "tcp", "quiet": True,
             "units": [{"kind": "responder", "address": 1}]} for at in range(ports)]


def buses(field, devices, every, names=PORTS, most=UNITS):
    """So many devices, on as few ports as can be."""
    made = []
    for name in names:
        count = min(devices, most)
        devices -= count
        if count:
            made.append({"name": name, "type": "tcp", "port": field.port(name), "devices": [
                {"name": f"{name}-{unit}", "profile": "responder", "address": unit, "every": every}
                for unit in range(1, count + 1)]})
    return made


def switches(pids):
    """Voluntary ones: how often a thread went to sleep."""
    return sum(int(line.split()[1]) for pid in pids
               for task in pathlib.Path(f"/proc/{pid}/task").glob("*/status")
               for line in task.read_text().splitlines() if line.startswith("voluntary_ctxt"))


class Running:
    """The gateway with these devices, for as long as the block lasts."""

    def __init__(self, site, devices, every, **scattering):
        shutil.rmtree(site.folder / "run", ignore_errors=True)
        (site.folder / "run").mkdir()
        self.site = site
        self.gateway = garden.Gateway(
            site.folder / "run", site.broker, buses(site.field, devices, every, **scattering),
            profiles=str(_lines.write_profile(site.folder)))
        self.gateway.config["store"].update(max_size="512MB", commit_every="1s")
        self.gateway.write_config()

    def __enter__(self):
        self.gateway.start()
        time.sleep(WARM_UP_S)
        assert self.gateway.running(), self.gateway.log()[-3000:]
        self.pids = processes(self.gateway.child.pid)
        return self

    def __exit__(self, *_):
        self.gateway.stop()

    def polled(self):
        return sum(line["answers"] for line in self.site.field.control("counts")["lines"])

    def measure(self, seconds):
        """(polls, CPU seconds, wake-ups, seconds)"""
        begun = self.polled(), cpu_s(self.pids), switches(self.pids), time.monotonic()
        time.sleep(seconds)
        ended = self.polled(), cpu_s(self.pids), switches(self.pids), time.monotonic()
        return tuple(b - a for a, b in zip(begun, ended))


def client(site, rate, seconds):
    """(CPU seconds, wake-ups) of one poll of the minimal client."""
    port = site.field.port(PORTS[0]).split(":")[1]
    said = subprocess.run([garden.program("bench-rest"), port, str(UNITS), str(_lines.REGISTERS),
                           str(rate), str(seconds), str(site.broker.port), "gateway",
                           site.broker.passwords["gateway"]],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    numbers = {key: float(value) for key, value in (pair.split("=") for pair in said.split())}
    assert numbers["polls"] >= 0.9 * rate * seconds, said
    return numbers["cpu"] / numbers["polls"], numbers["wakeups"] / numbers["polls"]


def idle(site, seconds):
    with Running(site, 10, "60s") as gateway:
        _, _, wakeups, took = gateway.measure(seconds)
    return {"idle_wakeups_s": wakeups / took}


def at_rate(site, rate, seconds):
    found = {}
    bare = client(site, rate, seconds)
    with Running(site, rate, "1s") as gateway:
        polls, cpu, wakeups, _ = gateway.measure(seconds)
        if rate == max(RATES):
            found["pss_mb"] = pss_mb(gateway.pids)
    assert polls >= 0.9 * rate * seconds, f"{polls} polls at {rate} a second"
    again = client(site, rate, seconds)
    bare_cpu, bare_wakeups = (statistics.mean(pair) for pair in zip(bare, again))
    found |= {f"cpu_10k_{rate}": 1e4 * cpu / polls, f"ratio_{rate}": cpu / polls / bare_cpu,
              f"wakeups_{rate}": wakeups / polls, f"client_wakeups_{rate}": bare_wakeups}
    return found


def threads(pids):
    return sum(1 for pid in pids for _ in pathlib.Path(f"/proc/{pid}/task").iterdir())


def at_ports(site, seconds):
    found, memory = {}, {}
    for ports in MANY:
        names = [f"port-{at}" for at in range(ports)]
        with Running(site, ports, "1s", names=names, most=1) as gateway:
            polls, cpu, wakeups, took = gateway.measure(seconds)
            memory[ports] = pss_mb(gateway.pids)
            found |= {f"threads_{ports}": threads(gateway.pids), f"mb_{ports}": memory[ports],
                      f"port_wakeups_s_{ports}": wakeups / took,
                      f"port_cpu_10k_{ports}": 1e4 * cpu / polls}
        assert polls >= 0.9 * ports * seconds, f"{polls} polls of {ports} ports"
    few, many = MANY
    return found | {"port_kb": 1024 * (memory[many] - memory[few]) / (many - few)}


def live(site, seconds, name="live", qos=1):
    """The broker's own clock tells when a message came: a subscriber in C, its lines read after."""
    (site.folder / "mosquitto_sub").write_text(
        f"-u watcher\n-P {site.broker.passwords['watcher']}\n")
    with Running(site, 100, "1s"):
        subscriber = garden.Process(site.folder, f"subscriber-{name}", [
            "mosquitto_sub", "-V", "mqttv5", "-p", site.broker.port, "-q", str(qos), "-R",
            "-F", "%U %p", "-t", f"baiye/{garden.SITE}/dev/+/live"],
            {"XDG_CONFIG_HOME": str(site.folder)})
        subscriber.start()
        time.sleep(seconds)
        subscriber.stop()
    ages = []
    for line in subscriber.log().splitlines():
        came, body = line.split(" ", 1)
        ages.append(float(came) * 1000 - json.loads(body)["ts"])
    assert len(ages) >= 50 * seconds, f"{len(ages)} live values in {seconds} s"
    ages.sort()
    return {f"{name}_p50_ms": ages[len(ages) // 2], f"{name}_p99_ms": ages[int(len(ages) * 0.99)]}


def keep_nagle(broker):
    broker.stop()
    config = broker.folder / "mosquitto.conf"
    config.write_text(config.read_text().replace("set_tcp_nodelay true\n", ""))
    broker.start()


@contextlib.contextmanager
def at(lines):
    """A broker and a garden with these lines, for as long as the block lasts."""
    site = garden.Site(pathlib.Path(tempfile.mkdtemp(prefix="baiye-")))
    try:
        site.start_broker()
        site.start_field(lines)
        yield site
    finally:
        site.close()
        shutil.rmtree(site.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of each measurement")
    parser.add_argument("--only", choices=["idle", "rates", "live", "nagle", "ports"], help="one part")
    options = parser.parse_args()
    found = {}
    wanted = [options.only] if options.only else ["idle", "rates", "live", "nagle"]
    if wanted != ["ports"]:
        with at(scene()) as site:
            if "idle" in wanted:
                found |= idle(site, options.seconds)
            for rate in RATES if "rates" in wanted else ():
                found |= at_rate(site, rate, options.seconds)
            if "live" in wanted:
                found |= live(site, options.seconds)
            if "nagle" in wanted:
                keep_nagle(site.broker)
                found |= live(site, options.seconds, "nagle")
                found |= live(site, options.seconds, "nagle_qos0", qos=0)
    if options.only in (None, "ports"):
        with at(scattered(max(MANY))) as site:
            found |= at_ports(site, options.seconds)
    print("rest: " + " ".join(f"{key}={value:.3g}" for key, value in found.items()))


if __name__ == "__main__":
    main()
