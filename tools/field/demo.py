# SPDX-License-Identifier: Apache-2.0
"""tools/demo: a garden, its gateway, its broker, its screen and its app, until Ctrl-C.

Everything runs in a folder of its own that goes away at the end, listens on loopback only, and is
counted at the end by parts that do not know of each other: the garden's ledger says what was taken,
the gateway what it stored, an MQTT client of its own what was delivered."""
import argparse
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import garden  # noqa: E402

DRAIN_S = 10
HTTP_PORT = 8080
NEXT_RELEASE = "0.2.0"  # for the native nodes, to try an update with
SCREEN = (128, 64)
FROST = {"name": "frost", "label": "霜冻", "metric": "air_temperature", "below": 4, "clear": 5,
         "level": "alarm"}
# Watering: the worked example of baiye.yaml(5), in the demo's hurried time.
THIRSTY = {"name": "thirsty", "label": "该浇水了", "label_en": "Thirsty", "metric": "soil_moisture",
           "below": 45, "clear": 46, "level": "info", "plots": ["west"]}
WATER = {"name": "water-west", "label": "西园浇水", "device": "relay", "write": "out-1",
         "when": "thirsty", "plots": ["west"], "until": "soil_moisture above 50", "for": "20s",
         "pause": "15s", "override": "5min", "fail": "off"}
BELOW_SCREEN = SCREEN[1] // 2 + 2  # terminal row; two pixels stand in one


def arguments():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, metavar="N", help="stop after N seconds")
    parser.add_argument("--nodes", type=int, default=4, metavar="N",
                        help="native nodes, 1 to 30 (4); one more runs under QEMU")
    parser.add_argument("--no-screen", action="store_true",
                        help="do not draw the LED screen in this terminal")
    chosen = parser.parse_args()
    if not 1 <= chosen.nodes <= 30:
        parser.error(f"--nodes {chosen.nodes}: one line takes 1 to 30 of them")
    return chosen


def lines(nodes):
    east = [{"kind": "native", "address": i + 1, "name": f"plot-{i + 1}", "period_s": 2}
            for i in range(nodes)]
    east[0]["bucket_mm"] = 0.2  # one rain gauge is enough for a hillside
    return [
        {"name": "east", "baud": 19200, "units": east},
        {"name": "emulated", "baud": 9600, "silence_ms": 20,
         "units": [{"kind": "qemu", "address": 1, "name": "cortex-m3", "period_s": 2}]},
        {"name": "west", "baud": 4800,
         "units": [{"kind": "rs-ws-n01-tr", "address": 1, "name": "soil-west"},
                   {"kind": "zts-3001", "address": 7, "name": "soil-7in1"},
                   {"kind": "xy-md02", "address": 9, "name": "air-west"},
                   {"kind": "relay", "address": 11, "name": "relay", "waters_pct_s": 2}]},
    ]


def plots(nodes):
    upper = [f"plot-{i + 1}" for i in range(0, nodes, 2)]
    lower = [f"plot-{i + 1}" for i in range(1, nodes, 2)] + ["cortex-m3"]
    entry = {"area": "2.5mu", "cultivar": "baiye-1", "standard": "1B1L", "soil": "loam"}
    return [{"name": "upper", "label": "上坡", **entry, "devices": upper},
            {"name": "lower", "label": "下坡", **entry, "devices": lower},
            {"name": "west", "label": "西园", **entry,
             "devices": ["soil-west", "soil-7in1", "air-west"]}]


def http_port():
    """8080, or a free port when somebody else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", HTTP_PORT))
            return HTTP_PORT
        except OSError:
            return garden.free_port()


def screen_config(folder, broker, in_terminal):
    """A screen of 128 x 64: in this terminal, or as a picture only; the app shows it either way."""
    output = {"type": "terminal"} if in_terminal else {"type": "png",
                                                       "file": str(folder / "screen.png")}
    config = {
        "site": garden.SITE, "farm": "白叶一号茶园", "language": ["zh", "en"],
        "screen": {"width": SCREEN[0], "height": SCREEN[1]},
        "mqtt": {"url": f"mqtt://127.0.0.1:{broker.port}", "user": "screen",
                 "password_file": str(broker.password_file("screen"))},
        "pages": str(ROOT / "gateway/led/pages-demo.yaml"), "outputs": [output],
    }
    path = folder / "led.yaml"
    path.write_text(json.dumps(config, ensure_ascii=False, indent=1))  # JSON is YAML
    return path


class Screen(garden.Process):
    """baiye-led; what it draws goes to this terminal, what it says to its log."""

    def start(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stderr=log,
                                          start_new_session=True)


def taken(site):
    """(device, boot, seq) of every sample that our nodes took, and the answers of each probe. Whether a
    sample was finished when its node lost its power shows only where it is delivered."""
    last, answers, doubtful = {}, {}, set()
    for entry in site.field.ledger():
        device = site.names[(entry["line"], entry["unit"])]
        if entry["boot"] is None:
            answers.setdefault(device, set()).add(entry["t_ms"])
        elif "cut" in entry:
            doubtful.add((device, entry["boot"], entry["seq"]))
        else:
            key = (device, entry["boot"])
            last[key] = max(last.get(key, 0), entry["seq"])
    samples = {(device, boot, seq) for (device, boot), top in last.items()
               for seq in range(1, top + 1)}
    samples |= doubtful & site.watcher.copy().keys()
    return samples, {device: len(times) for device, times in answers.items()}


class GivenUp:
    """Answers of probes that the gateway does not wait for any more, since they came late. It counts from
    its start on, so what it had counted before a reload is added."""

    def __init__(self):
        self.boot, self.before, self.last = None, {}, {}

    def look(self, boot, counted):
        if self.boot not in (None, boot):
            for device, count in self.last.items():
                self.before[device] = self.before.get(device, 0) + count
        self.boot, self.last = boot, counted

    def late(self, device):
        return self.before.get(device, 0) + self.last.get(device, 0)

    def ask(self, site):
        control = site.gateway.config["control"]["socket"]
        boot = stats(control)["boot"]
        counted = {device: stats(control, device=device)["late_answers"] for device in probes(site)}
        if stats(control)["boot"] == boot:  # all of one start
            self.look(boot, counted)


def probes(site):
    return {site.names[(line["name"], unit["address"])]: line["name"] for line in site.field.scene["lines"]
            for unit in line["units"] if unit["kind"] not in ("native", "qemu")}


def balance(site, given_up):
    """(taken, delivered, lost, those of the lost that are answers of probes). What a probe said when the
    gateway had given it up is no reading: it was asked again. On a machine with too much to do that
    happens here, too."""
    samples, answers = taken(site)
    delivered = site.watcher.copy()
    of_probe = {device: sum(1 for key in delivered if key[0] == device) for device in answers}
    given_up.ask(site)
    answers = {device: count - given_up.late(device) for device, count in answers.items()}
    unread = sum(max(0, count - of_probe[device]) for device, count in answers.items())
    # When it was stopped it may have stood in the midst of a poll, and says so. Whoever kills it sees what
    # that costs.
    broken_off = min(unread, sum(f"ended in the midst of a poll of {device}\n" in line
                                 for line in site.gateway.log().splitlines(True) for device in answers))
    lost = len(samples - delivered.keys()) + unread - broken_off
    return len(samples) + sum(answers.values()) - broken_off, len(delivered), lost, unread - broken_off


def stats(control, **params):
    """What the gateway with that socket says of itself, or of one device, when it has started."""
    return garden.wait_until(lambda: ask_stats(control, params), 60, "what the gateway says of itself")


def ask_stats(control, params):
    """None: it is just being started again."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(control))
            client.sendall(json.dumps({"id": 1, "method": "stats", "params": params}).encode() + b"\n")
            with client.makefile() as answers:
                answer = answers.readline()
    except (ConnectionError, FileNotFoundError):
        return None
    return json.loads(answer)["result"] if answer else None


def drain(site, given_up):
    """Sampling stops; what was taken has DRAIN_S to arrive."""
    site.field.control("stop-sampling")
    deadline = time.monotonic() + DRAIN_S
    while True:
        counted = balance(site, given_up)
        if counted[2] == 0 or time.monotonic() > deadline:
            return counted
        time.sleep(0.2)


def roles():
    """What `baiye user add` lets these roles read; they ask and are answered below their own names."""
    farmer = ["gateway/status", "site", "dev/+/live", "dev/+/v/+", "plot/#", "alert/#", "forecast",
              "led/#"]
    lines = ["user screen", f"topic read baiye/{garden.SITE}/#",
             f"topic write baiye/{garden.SITE}/led/preview"]
    for user, topics in (("farmer", farmer),
                         ("technician", farmer + ["dev/+/health", "readings", "gateway/log"])):
        lines += [f"user {user}"] + [f"topic read baiye/{garden.SITE}/{topic}" for topic in topics]
    return "\n".join(lines) + "\n"


def welcome(site, port, folder):
    """What somebody who sees this for the first time needs, and what to try."""
    passwords = site.broker.passwords
    return "\n".join([
        f"the app: http://127.0.0.1:{port}   (open it in a browser of this machine)",
        f"  user: farmer       password: {passwords['farmer']}",
        f"  user: technician   password: {passwords['technician']}   (sees devices, too)",
        f"the garden: {len(site.names)} simulated devices in 3 plots; a second is five minutes there",
        "try, in another terminal:",
        f'  at="--socket {folder}/baiyed.sock"',
        "  build/bin/baiye devices $at",
        "  build/bin/baiye actions $at     the valve that waters the west plot, and why",
        f"  build/bin/baiye update $at {garden.native_image(folder, NEXT_RELEASE)}",
        f"files and logs: {folder}      Ctrl-C ends it",
    ])


def run(options, site, folder):
    site.start_broker(users=("gateway", "watcher", "screen", "farmer", "technician"))
    acl = folder / "acl"
    acl.write_text(acl.read_text() + roles())
    site.broker.signal(signal.SIGHUP)
    print("starting the garden: it takes some seconds …", flush=True)
    site.start_field(lines(options.nodes), weather={"speed": 300})
    site.start_watcher()
    port = http_port()
    site.start_gateway(every="2s", more={
        "plots": plots(options.nodes), "alerts": [FROST, THIRSTY], "actions": [WATER],
        "http": {"listen": f"127.0.0.1:{port}", "app_dir": str(ROOT / "gateway/app/dist")}})
    login = welcome(site, port, folder)
    print(login, flush=True)
    in_terminal = screen_fits() and not options.no_screen
    screen = site.add(Screen(folder, "screen", [garden.program("baiye-led"), "--config",
                                       screen_config(folder, site.broker, in_terminal)]))
    screen.start()
    given_up = GivenUp()
    watch(options, site, given_up, login if in_terminal else None)
    screen.stop()
    if in_terminal:
        print(f"\x1b[{BELOW_SCREEN};1H\x1b[J{login}", flush=True)
    return finish(site, given_up)


def screen_fits():
    """Whether this is a terminal with room for the screen and the lines below it."""
    size = shutil.get_terminal_size((0, 0))
    return sys.stdout.isatty() and size.columns >= SCREEN[0] and size.lines > BELOW_SCREEN + 10


def look_after(site):
    """A broker or gateway that was ended is started again, as the system's service would be: whoever
    tries that sees what is lost. No part may end by itself."""
    ended = (0, -signal.SIGTERM, -signal.SIGKILL)
    for part in (site.gateway, site.field):
        if not part.running() and (part is site.field or part.child.returncode not in ended):
            raise AssertionError(f"{part.name} ended by itself; its log:\n{part.log()}")
    for part, name in ((site.broker, "broker (mosquitto)"), (site.gateway, "gateway (baiyed)")):
        if not part.running():
            print(f"the {name} ended, code {part.child.returncode}: it is started again", flush=True)
            part.start()


def watch(options, site, given_up, below):
    """Until the time is over, Ctrl-C, or a part ends that must not. Says how it goes: every ten
    seconds, or, with text `below`, every second under the screen."""
    end = time.monotonic() + options.seconds if options.seconds else float("inf")
    pause = 1 if below else 10
    told = asked = time.monotonic()
    try:
        while time.monotonic() < end:
            look_after(site)
            if time.monotonic() - asked >= 1:
                asked = time.monotonic()
                given_up.ask(site)
            if time.monotonic() - told >= pause:
                told = time.monotonic()
                state = f"{site.watcher.count()} readings delivered"
                if below:
                    state = f"\x1b[{BELOW_SCREEN};1H{below}\n{state}\x1b[K"
                print(state, end="" if below else "\n", flush=True)
            time.sleep(0.2)
    except KeyboardInterrupt:
        print(flush=True)


def finish(site, given_up):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    count, delivered, lost, unread = drain(site, given_up)
    # The number of the last record: unlike its other counts it goes on when the gateway is started again.
    kept = stats(site.gateway.config["control"]["socket"])["store"]["next_record"] - 1
    if unread > 0:
        print(f"{unread} answers of bought probes are in no reading: they are lost, unless commands that "
              "ask a probe\nthemselves were tried (line, report, scan, find, commission, read, raw): the "
              "probe can't tell those apart", flush=True)
    print(f"demo: taken={count} stored={kept} delivered={delivered} lost={lost}", flush=True)
    return 0 if lost == 0 and count > 0 else 1


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an orderly end, as by Ctrl-C
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-demo-"))
    site = garden.Site(folder)
    try:
        status = run(options, site, folder)
    except AssertionError as error:
        print(f"tools/demo: {error}", file=sys.stderr)
        status = 1
    finally:
        site.close()
    if status == 0:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"tools/demo: the logs are in {folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
