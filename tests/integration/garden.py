# SPDX-License-Identifier: Apache-2.0
"""A whole site for one test: mosquitto with generated passwords, a simulated garden, the gateway,
and an independent MQTT client that notes what arrives. Everything listens on loopback ports that
the kernel chose; every process ends with the site, and its log stays when the test fails."""
import functools
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import zlib

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BAIYE_BUILD", ROOT / "build"))
SITE = "garden"
FULL = os.environ.get("BAIYE_FULL") == "1"


def program(name):
    return BUILD / "bin" / name


def hear_interrupts():
    """For preexec_fn: whoever is started in the background of a shell ignores Ctrl-C, and so would what
    it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Ports:
    """Numbers below those that the kernel gives to clients, of a block that this process has for itself,
    none twice: nobody takes one before it is bound. Whose a block is says its first port, bound for as
    long as the process lives; app/lib/wait.mjs does the same."""

    FIRST, END, EACH = 11000, 32768, 256

    def __init__(self):
        self.claim, self.first, self.given = None, 0, 0

    def bound(self, port):
        """A socket that has this port; None when somebody else does."""
        listener = socket.socket()
        try:
            listener.bind(("127.0.0.1", port))
            return listener
        except OSError:
            listener.close()
            return None

    def take_block(self):
        for self.first in range(self.FIRST, self.END - self.EACH + 1, self.EACH):
            self.claim = self.bound(self.first)
            if self.claim:
                return
        raise AssertionError("every block of ports is taken")

    def next(self):
        if self.claim is None:
            self.take_block()
        for _ in range(1, self.EACH):
            self.given = self.given % (self.EACH - 1) + 1
            free = self.bound(self.first + self.given)
            if free:
                free.close()
                return self.first + self.given
        raise AssertionError("no port is free")


PORTS = Ports()


def free_port():
    return PORTS.next()


# How much slower than the machine that a test was written on another one may be, with six tests at a
# time and the analysis beside them. It costs time only where a test fails.
SLOWEST = 5
LEAST_S = 20  # patience on the machine that a test was written on: no second of it is a claim


def wait_until(condition, seconds, what):
    """The first true value of condition(), looked at every 20 ms. `seconds` is what it may take here; how
    fast something is, is for tests/bench to say."""
    seconds = max(seconds, LEAST_S) * SLOWEST
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def listens(path):
    """Somebody listens at a UNIX socket: its file is there before that, and after one that was killed. By
    unix(7)'s table, which disturbs nobody."""
    with open("/proc/net/unix", encoding="utf-8") as lines:
        rows = [line.split(maxsplit=7) for line in lines]
    return any(row[3] == "00010000" and row[7:] == [f"{path}\n"] for row in rows)


class FairClock:
    """Seconds, for what has to happen within some of them: it stands still while one of `processes`, or
    this one, wants a processor and has none (the kernel counts that, for each thread). What is left is
    their own time, as on a machine that has nothing else to do."""

    def __init__(self, *processes):
        self.processes, self.waits = processes, {}
        self.lock = threading.Lock()
        self.value, self.at, self.waited = 0.0, time.monotonic(), 0.0
        self.waited = self._waited()

    def _waited(self):
        children = [getattr(process, "child", process) for process in self.processes]
        pids = [os.getpid()] + [child.pid for child in children if child]
        for pid in pids:
            try:
                for thread in os.scandir(f"/proc/{pid}/task"):
                    with open(f"{thread.path}/schedstat", encoding="ascii") as file:
                        self.waits[pid, thread.name] = int(file.read().split()[1]) / 1e9
            except (OSError, IndexError):
                continue  # it has ended: what is known of it stays
        return sum(self.waits.values())

    def __call__(self):
        with self.lock:
            now, waited = time.monotonic(), self._waited()
            self.value += max(0.0, now - self.at - (waited - self.waited))
            self.at, self.waited = now, waited
            return self.value


class Process:
    """A child with its output in a file."""

    def __init__(self, folder, name, arguments, environment=None):
        self.name, self.log_path = name, folder / f"{name}.log"
        self.arguments = [str(argument) for argument in arguments]
        self.environment = dict(os.environ, **(environment or {}))
        self.child = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=self.environment,
                                          start_new_session=True)  # Ctrl-C is not for it

    def start_in_terminal(self):
        """Its output is for the eyes of who runs this; errors go to the log."""
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stderr=log,
                                          env=self.environment)

    def running(self):
        return self.child is not None and self.child.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """SIGKILL, as the power or the kernel would."""
        if self.running():
            self.child.kill()
        self.child.wait(120)

    def stop(self, seconds=10):
        """SIGTERM; its exit code."""
        if not self.running():
            return self.child.returncode if self.child else None
        self.child.terminate()
        try:
            return self.child.wait(max(seconds, LEAST_S) * SLOWEST)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(120)
            raise AssertionError(f"{self.name} did not end within {seconds} s of SIGTERM")


class Broker(Process):
    """mosquitto with users `gateway` (may write the site), `watcher` (may read it) and more."""

    def __init__(self, folder, users=("gateway", "watcher")):
        self.port = free_port()
        self.folder = folder
        self.passwords = {user: secrets.token_urlsafe(18) for user in users}
        password_file, acl_file, config = (folder / name for name in
                                           ("passwords", "acl", "mosquitto.conf"))
        password_file.touch(mode=0o600)
        for user, password in self.passwords.items():
            subprocess.run(["mosquitto_passwd", "-b", password_file, user, password], check=True)
        acl_file.touch(mode=0o600)
        acl_file.write_text(f"user gateway\ntopic readwrite baiye/{SITE}/#\n"
                            "topic readwrite homeassistant/#\n"
                            f"user watcher\ntopic read baiye/{SITE}/#\n"
                            f"pattern write baiye/{SITE}/rpc/%u/#\n"
                            f"pattern read baiye/{SITE}/answer/%u/#\n")
        user = "user root\n" if os.getuid() == 0 else ""  # else it could not read its files
        config.write_text(f"{user}listener {self.port} 127.0.0.1\nallow_anonymous false\n"
                          "set_tcp_nodelay true\n"
                          f"password_file {password_file}\nacl_file {acl_file}\n"
                          f"persistence true\npersistence_location {folder}/\n"
                          "autosave_interval 0\nmax_queued_messages 100000\n")
        super().__init__(folder, "mosquitto", ["mosquitto", "-c", config])

    def start(self):
        super().start()
        wait_until(self.answers, 10, "mosquitto listens")

    def answers(self):
        assert self.running(), f"mosquitto ended: {self.log()}"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def password_file(self, user):
        path = self.folder / f"{user}.pass"
        path.touch(mode=0o600)
        path.write_text(self.passwords[user] + "\n")
        return path


@functools.cache
def may_be_first():
    """The kernel lets us put a program in front of all others."""
    try:
        return subprocess.run(["chrt", "--fifo", "20", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def step_clock(path, seconds):
    """Writes what clock_step.c reads at each look at the clock: in one piece, since a file that is
    truncated first is for a moment one without a step, and the program in another month."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(fd, f"{int(seconds):<20}\n".encode(), 0)
    finally:
        os.close(fd)


def first(command):
    """In front of everybody else, where that is allowed: a wire waits for no scheduler. What it starts
    itself, nodes and emulators, takes its turn as others do."""
    return ["chrt", "--reset-on-fork", "--fifo", "20", *command] if may_be_first() else command


class Field(Process):
    """The simulated garden. `prompt`: its lines keep their times on a busy machine."""

    def __init__(self, folder, scene, seed=1, environment=None, prompt=True):
        self.folder, self.dir = folder, folder / "field"
        self.ledger_path = folder / "ledger.jsonl"
        self.scene = scene
        path = folder / "scene.yaml"
        path.write_text(yaml.safe_dump(scene, sort_keys=False))
        command = [program("baiye-field"), "--scene", path, "--dir", self.dir, "--seed", seed, "--ledger",
                   self.ledger_path]
        super().__init__(folder, "field", first(command) if prompt else command, environment)

    def start(self):
        super().start()
        wait_until(self.ready, 70, "the garden is ready")

    def ready(self):
        assert self.running(), f"baiye-field ended: {self.log()}"
        return "ready\n" in self.log()

    def control(self, command, **arguments):
        request = json.dumps({"cmd": command, **arguments}) + "\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LEAST_S * SLOWEST)
            client.connect(str(self.dir / "control.sock"))
            client.sendall(request.encode())
            with client.makefile() as answers:
                answer = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def counts(self, line=None):
        answer = self.control("counts")
        if line is None:
            return answer
        return next(entry for entry in answer["lines"] if entry["line"] == line)

    def port(self, line):
        """What a gateway's bus entry needs to find the line."""
        number = self.dir / f"{line}.port"
        if number.exists():
            return f"127.0.0.1:{number.read_text().strip()}"
        return str(self.dir / line)

    def ledger(self):
        """Everything given so far."""
        self.counts()  # flushes it
        with open(self.ledger_path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


class Gateway(Process):
    """baiyed with a generated configuration; `buses` as in its file."""

    def __init__(self, folder, broker, buses, name="baiyed", **more):
        self.config_path = folder / f"{name}.yaml"
        self.config = {
            "site": SITE,
            "location": {"lat": 26.5, "lon": 107.9, "timezone": "Asia/Shanghai"},
            "store": {"path": str(folder / "readings.db"), "max_size": "64MB",
                      "commit_every": "200ms"},
            "control": {"socket": str(folder / "baiyed.sock")},
            "mqtt": [{"name": "local", "url": f"mqtt://127.0.0.1:{broker.port}",
                      "user": "gateway", "password_file": str(broker.password_file("gateway"))}],
            "buses": buses, **more}
        self.write_config()
        super().__init__(folder, name, [program("baiyed"), "--config", self.config_path])

    def write_config(self):
        users = self.config_path.parent / "users"  # who may do what; the broker has passwords
        if not users.exists():
            users.write_text("watcher farmer\nfarmer farmer\ntechnician technician\n")
        self.config_path.write_text(yaml.safe_dump(self.config, sort_keys=False))


class Watcher:
    """An MQTT client of its own, QoS 1, that notes every reading and every live value. It sees
    duplicates (at least once is what the topic promises) and keeps the first of each."""

    def __init__(self, broker, user="watcher", client_id=None):
        self.lock = threading.Lock()
        self.readings = {}   # (device, boot, seq) -> reading
        self.order = {}      # device -> [(boot, seq)] in order of first arrival
        self.gaps = []
        self.means = []      # what came instead of readings
        self.live = {}       # device -> last live message
        self.retained = {}   # topic -> last payload
        self.answers = {}    # correlation -> answer of the gateway
        self.duplicates = 0
        self.messages = 0
        self.client = paho.Client(client_id or f"watcher-{secrets.token_hex(4)}",
                                  protocol=paho.MQTTv5)
        self.client.username_pw_set(user, broker.passwords[user])
        self.client.on_connect = self._connected
        self.client.on_message = self._message
        self.client.reconnect_delay_set(0.2, 1)
        session = Properties(PacketTypes.CONNECT)  # an orderly restart of the broker loses nothing
        session.SessionExpiryInterval = 3600
        self.client.connect_async("127.0.0.1", broker.port, keepalive=5, properties=session,
                                  clean_start=paho.MQTT_CLEAN_START_FIRST_ONLY)
        self.subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.loop_start()
        assert self.subscribed.wait(60), "the watcher was not let in"

    def _connected(self, client, _data, _flags, _code, _properties=None):
        client.subscribe(f"baiye/{SITE}/#", qos=1)

    def _message(self, _client, _data, message):
        topic = message.topic.split("/", 2)[2]
        with self.lock:
            self.messages += 1
            if topic == "readings":
                self._readings(json.loads(self._plain(message)))
            elif topic.startswith("answer/"):
                self.answers[getattr(message.properties, "CorrelationData", b"")] = json.loads(
                    message.payload)
            elif topic.startswith("dev/") and topic.endswith("/live") and message.payload:
                self.live[topic.split("/")[1]] = json.loads(message.payload)
            else:
                self.retained[topic] = message.payload

    @staticmethod
    def _plain(message):
        kind = getattr(message.properties, "ContentType", "application/json")
        return zlib.decompress(message.payload) if kind.endswith("+deflate") else message.payload

    def _readings(self, batch):
        for record in batch["readings"]:
            if "gap" in record:
                self.gaps.append(record)
            elif "means" in record:
                self.means.append(record)
            elif "seq" in record:
                key = (record["d"], record["boot"], record["seq"])
                if key in self.readings:
                    self.duplicates += 1
                    assert self.readings[key]["values"] == record["values"], record
                else:
                    self.readings[key] = record
                    self.order.setdefault(record["d"], []).append(key[1:])

    def request(self, method, arguments, user="watcher"):
        """Calls a method of the gateway; the answer will be in `answers`, by correlation."""
        correlation = secrets.token_bytes(8)
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"baiye/{SITE}/answer/{user}/1"
        properties.CorrelationData = correlation
        self.client.publish(f"baiye/{SITE}/rpc/{user}/{method}", json.dumps(arguments), qos=1,
                            properties=properties)
        return correlation

    def count(self, device=None):
        with self.lock:
            return sum(1 for key in self.readings if device in (None, key[0]))

    def copy(self):
        with self.lock:
            return dict(self.readings)

    def gap_seqs(self, device):
        """(boot, seq) of everything reported missing."""
        with self.lock:
            return {(gap["boot"], seq) for gap in self.gaps if gap["d"] == device
                    for seq in range(gap["gap"][0], gap["gap"][1] + 1)}

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


class Site:
    """All of them in one folder. `units` of each line give the gateway's devices too."""

    def __init__(self, folder):
        self.folder = folder
        self.broker = self.field = self.gateway = self.watcher = None
        self.names = {}  # (line, unit) -> device
        self.others = []

    def start_broker(self, **arguments):
        self.broker = Broker(self.folder, **arguments)
        self.broker.start()
        return self.broker

    def start_field(self, lines, weather=None, **arguments):
        self.field = Field(self.folder, {"weather": weather or {"speed": 600}, "lines": lines},
                           **arguments)
        self.field.start()
        return self.field

    def start_watcher(self):
        self.watcher = Watcher(self.broker)
        return self.watcher

    def start_gateway(self, every="1s", more=None, **bus_keys):
        self.gateway = Gateway(self.folder, self.broker, self.buses(every, **bus_keys),
                               **(more or {}))
        self.gateway.start()
        return self.gateway

    def buses(self, every, **bus_keys):
        """The bus entries that poll everything that the scene has."""
        return [self._bus(line, every, bus_keys) for line in self.field.scene["lines"]]

    def _bus(self, line, every, bus_keys):
        bus = {"name": line["name"], "type": line.get("type", "rtu"),
               "port": self.field.port(line["name"])}
        if bus["type"] != "tcp":
            bus["baud"] = line.get("baud", 9600)
            bus["parity"] = line.get("parity", "none")
        if "silence_ms" in line:
            bus["silence"] = f"{line['silence_ms']}ms"
        bus.update(bus_keys)
        bus["devices"] = [self._device(line, unit, every) for unit in line["units"]
                          if unit["kind"] in PROFILES]
        return bus

    def _device(self, line, unit, every):
        name = unit.get("name", f"{line['name']}-{unit['address']}")
        self.names[(line["name"], unit["address"])] = name
        device = {"name": name, "profile": PROFILES[unit["kind"]], "address": unit["address"],
                  "every": f"{unit['period_s']}s" if unit.get("period_s") else every}
        for key in ("baud", "parity"):
            if key in unit:
                device[key] = unit[key]
        serial = line.get("type", "rtu") == "rtu"
        if serial and "baud" not in unit and unit["kind"] not in ("native", "qemu", "responder"):
            device["baud"] = line.get("baud", 9600)
        return device

    def add(self, process):
        """Ends with the site."""
        self.others.append(process)
        return process

    def close(self):
        if self.watcher:
            self.watcher.stop()
        for process in [self.gateway, *self.others, self.field, self.broker]:
            if process and process.running():
                process.signal(signal.SIGCONT)
                process.child.terminate()
                try:
                    process.child.wait(120)
                except subprocess.TimeoutExpired:
                    process.child.kill()
                    process.child.wait(120)

    def keep_logs(self, name):
        """For a test that failed: the logs go to build/log/<name>."""
        target = BUILD / "log" / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for pattern in ("*.log", "*.yaml", "*.jsonl", "*.db*", "field/*.log"):
            for path in self.folder.glob(pattern):
                shutil.copy(path, target / path.name)
        return target


def native_image(folder, version, counter=1, key=None, hardware="0x4E410001", source=None):
    """A firmware image for native nodes, signed with the key that everybody has. What it carries is
    not run: any file does."""
    path = folder / f"baiye-node-{version}.img"
    source = source or ROOT / "boards/native/hal_native.c"
    subprocess.run([program("baiye"), "sign", "--key",
                    key or ROOT / "firmware/boot/keys/test.pem", "--hardware", hardware,
                    "--version", version, "--counter", str(counter),
                    "--slot-0", f"{source}@0x08000000", "--slot-1", f"{source}@0x08040000",
                    "-o", path], check=True)
    return path


PROFILES = {"native": "baiye-node", "qemu": "baiye-node", "xy-md02": "xy-md02",
            "rs-ws-n01-tr": "rs-ws-n01-tr", "zts-3001": "zts-3001-7in1",
            "relay": "waveshare-relay-8"}

# Largest honest difference between what was given and what is published: half of the last digit
# that the device's registers carry.
ROUNDING = {"air_temperature": 0.0051, "air_humidity": 0.0051, "soil_moisture": 0.0051,
            "soil_temperature": 0.0051, "soil_conductivity": 0.51}
TIME_SLACK_MS = 3000


class Ledger:
    """What the garden gave, to hold readings against."""

    def __init__(self, entries, names):
        self.nodes = {}   # (device, boot, seq) -> {metric: value}, and its time
        self.times = {}
        self.probes = {}  # (device, metric) -> [(t_ms, value)] by time
        for entry in entries:
            device = names.get((entry["line"], entry["unit"]))
            if device is None or "metric" not in entry:
                continue
            if entry["boot"] is None:
                self.probes.setdefault((device, entry["metric"]), []).append(
                    (entry["t_ms"], entry["value"]))
            else:
                key = (device, entry["boot"], entry["seq"])
                self.nodes.setdefault(key, {})[entry["metric"]] = entry["value"]
                self.times[key] = entry["t_ms"]
        self.node_devices = {key[0] for key in self.nodes}

    def wrong(self, key, reading):
        """Why this reading is not what the garden gave; None when it is."""
        if key[0] in self.node_devices:
            return self._wrong_node(key, reading)
        for metric, value in reading["values"].items():
            given = [entry for entry in self.probes.get((key[0], metric), ())
                     if abs(entry[0] - reading["ts"]) <= TIME_SLACK_MS]
            if not any(abs(entry[1] - value) < 1e-6 for entry in given):
                return f"{key} {metric}={value} at {reading['ts']}, given were {given}"
        return None

    def _wrong_node(self, key, reading):
        if key not in self.nodes:
            return f"{key} was never sampled"
        if abs(self.times[key] - reading["ts"]) > TIME_SLACK_MS:
            return f"{key} has time {reading['ts']}, was sampled at {self.times[key]}"
        for metric, value in reading["values"].items():
            given = self.nodes[key].get(metric)
            if given is not None and abs(given - value) > ROUNDING[metric]:
                return f"{key} {metric}={value}, given was {given}"
        return None


def wait_for_ledger(site, readings, seconds=30):
    """Until the garden has told of every sample of a node in `readings`. It learns a sample's number
    from an answer that no fault has touched: the gateway may have read it through noise before."""
    def untold():
        ledger = Ledger(site.field.ledger(), site.names)
        return [key for key in readings
                if key[0] in ledger.node_devices and key not in ledger.nodes]
    wait_until(lambda: not untold(), seconds, "the garden tells of every sample")


def assert_true_to_ledger(site, readings):
    """Every reading equals the ledger for its (device, metric, time). Returns how many values."""
    ledger = Ledger(site.field.ledger(), site.names)
    wrong = [text for text in (ledger.wrong(key, reading) for key, reading in readings.items())
             if text]
    assert not wrong, f"{len(wrong)} wrong of {len(readings)}: {wrong[:5]}"
    return sum(len(reading["values"]) for reading in readings.values())
