# SPDX-License-Identifier: Apache-2.0
"""tools/county: a county of 50 gardens with its brokers and its database, until Ctrl-C.

Three gardens are simulated lines with a real gateway, the others send what a real one has recorded.
The brokers have the files that ship, with certificates of authorities made for this run. Everything
runs in folders of its own that go away at the end, and listens on loopback only. At the end what the
gateways have is counted in their own stores, and held against what PostgreSQL has."""
import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "county")]
import garden  # noqa: E402
from county import Database, Program, recorded  # noqa: E402
from demo import stats  # noqa: E402
from page import PASSWORD, allow, operate  # noqa: E402
from secured import CountyBroker, Peer, program_keys  # noqa: E402

REAL = 3
EVERY_S = 5  # a garden's minute
PATIENCE = "5s"
DRAIN_S = 300
REGIONS = "north", "south"
BEAT_S = 10


def arguments():
    parser = argparse.ArgumentParser(prog="tools/county", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, metavar="N", help="stop after N seconds")
    parser.add_argument("--gardens", type=int, default=50, metavar="N",
                        help=f"{REAL + 1} to 500 (50); {REAL} of them have a real gateway")
    chosen = parser.parse_args()
    if not REAL < chosen.gardens <= 500:
        parser.error(f"--gardens {chosen.gardens}: {REAL + 1} to 500")
    return chosen


class Asked:
    """Somebody wants it to end. That is looked at between two steps: an exception in the midst of one
    would lose a child that has just begun, or leave readings half sent."""

    def __init__(self):
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.note)

    def note(self, *_):
        self.is_set = True

    def look(self):
        if self.is_set:
            raise KeyboardInterrupt


class Recorded(Peer):
    """A garden that sends, minute by minute, what a real one has recorded."""

    def __init__(self, broker, site):
        super().__init__(broker, site, deflate=True)
        self.minute, self.start_ms = 0, int(time.time() * 1000) - 86400000

    def introduce(self, number):
        """What a gateway tells of itself."""
        location = {"lat": round(26.3 + number * 7 % 50 / 100, 3), "timezone": "Asia/Shanghai",
                    "lon": round(107.6 + number * 13 % 60 / 100, 3)}
        names = sorted({one["d"] for one in self.records}) or ["plot-1"]
        day = time.strftime("%Y-%m-%d")
        documents = {
            "site": {"site": self.site, "label": f"茶园 {number}", "location": location,
                     "devices": [{"name": name, "label": name} for name in names]},
            "forecast": {"ts": int(time.time() * 1000), "frost": None, "disease": [], "water": [],
                         "picked": [{"day": day, "kg": 20 + number % 7, "pickers": 8}],
                         "plots": {"all": {"pick_kg": [15, 22 + number % 5, 34]}}}}
        if number % 9 == 4:
            documents["alert/frost"] = {
                "id": "frost", "level": "alarm", "where": "garden", "since": int(time.time() * 1000),
                "what": "frost: 1.4 °C measured", "todo": "cover the buds",
                "zh": {"what": "霜冻：实测 1.4 °C", "todo": "给茶芽盖膜"}}
        for leaf, document in documents.items():
            self.send_raw(json.dumps(document).encode(), leaf=leaf, retain=True)

    def live(self):
        self.minute += 1
        first, last = self.keep(*recorded(self.minute, self.start_ms + self.minute * 60000))
        self.send(first, last)

    def sent(self):
        return self.numbers()


class Real:
    """A garden whose line is simulated, with baiyed; it knows both brokers."""

    def __init__(self, folder, name, brokers):
        self.name, self.brokers, self.site = name, brokers, garden.Site(folder)
        self.folder, self.socket = folder, folder / "baiyed.sock"
        self.site.broker = brokers[0]
        self.gateway = self.site.gateway = garden.Process(folder, "baiyed", [
            garden.program("baiyed"), "--config", folder / "baiyed.yaml"])

    def start(self):
        self.site.start_field([
            {"name": "east", "baud": 19200, "units": [
                {"kind": "native", "address": n, "name": f"plot-{n}", "period_s": 2}
                for n in (1, 2)]},
            {"name": "west", "baud": 9600, "units": [
                {"kind": "zts-3001", "address": 7, "name": "soil-7in1"}]}], weather={"speed": 300})
        self.write_config()
        self.gateway.start()

    def write_config(self):
        certificate, key = self.brokers[0].gateways.issue(self.name)
        (self.folder / "users").touch()
        (self.folder / "baiyed.yaml").write_text(garden.yaml.safe_dump({
            "site": self.name,
            "location": {"lat": 26.5, "lon": 107.9, "timezone": "Asia/Shanghai"},
            "store": {"path": str(self.folder / "readings.db"), "max_size": "64MB", "commit_every": "200ms"},
            "control": {"socket": str(self.socket)},
            "mqtt": [{"name": "county",
                      "url": [f"mqtts://127.0.0.1:{one.port}" for one in self.brokers],
                      "ca_file": str(self.brokers[0].folder / "county-ca.crt"),
                      "cert_file": str(certificate), "key_file": str(key), "encoding": "deflate",
                      "requests": "county", "consumer": "required",
                      "send": ["readings", "alerts", "forecast", "site", "status"]}],
            "buses": self.site.buses("2s")}, sort_keys=False))

    def sent(self):
        return stats(self.socket)["store"]["next_record"] - 1

    def still(self):
        """No node takes another sample; what it has is read."""
        self.site.field.control("stop-sampling")

    def silent(self):
        """Nor does a probe answer."""
        self.site.field.stop(120)

    def stop(self):
        self.site.close()


class County:
    """All of it. What was started ends with close()."""

    def __init__(self, folder, asked):
        self.folder, self.asked, self.gardens, self.parts = folder, asked, [], []
        self.brokers, self.database = [], None
        self.page, self.stands = None, False

    def start_engines(self):
        a = CountyBroker(self.folder, "mosquitto-a")
        self.brokers = [a, CountyBroker(self.folder, "mosquitto-b", beside=a)]
        self.database = Database()
        for part in (*self.brokers, self.database):
            self.begin(part)
        self.database.make()

    def start_programs(self):
        for instance, broker in zip("ab", self.brokers):
            self.begin(Program(self.folder, "baiye-ingest", instance, broker, self.database,
                               **program_keys(broker, "ingest")))
        shown = self.brokers[0].folder
        self.page = f"127.0.0.1:{garden.free_port()}"
        county = Program(self.folder, "baiye-county", "a", self.brokers[0], self.database,
                         patience=PATIENCE, ask_again="5s", silent="60s",
                         page=str(ROOT / "gateway/app/dist-county"),
                         http={"listen": self.page, "cert_file": str(shown / "broker.crt"),
                               "key_file": str(shown / "broker.key")},
                         **program_keys(self.brokers[0], "county", self.brokers[1]))
        self.begin(county)
        allow(county, "county", "*:operator")
        allow(county, "north", "north:viewer")
        self.operate = lambda *words: operate(county, *words)

    def begin(self, part):
        self.asked.look()
        self.parts.append(part)
        part.start()
        self.asked.look()

    def start_gardens(self, count):
        for n in range(REAL):
            folder = self.folder / f"real-{n + 1}"
            folder.mkdir()
            self.gardens.append(Real(folder, f"real-{n + 1}", self.brokers))
            self.gardens[-1].start()
            self.asked.look()
        for n in range(count - REAL):
            self.gardens.append(Recorded(self.brokers[n % 2], f"garden-{n + 1}"))
        for number, one in enumerate(self.gardens):
            self.asked.look()
            self.operate("region", one.name if isinstance(one, Real) else one.site, REGIONS[number % 2])
            if isinstance(one, Recorded):
                one.introduce(number)

    def of(self, kind):
        return [one for one in self.gardens if isinstance(one, kind)]

    def look_after(self):
        """What was killed is started again, as the system's service would be; whoever tries that
        sees that nothing is lost. A gateway's store must not end."""
        for part in self.parts:
            if not part.running():
                print(f"{part.name} ended, code {part.child.returncode}: it is started again",
                      flush=True)
                part.start(**({"ready": False} if isinstance(part, Program) else {}))
        for one in self.of(Real):
            assert one.gateway.running(), f"baiyed of {one.name} ended:\n{one.gateway.log()[-2000:]}"

    def close(self):
        for part in (*self.gardens, *reversed(self.parts)):
            with contextlib.suppress(AssertionError):
                part.stop()


def welcome(county):
    database = county.database
    a, b = (broker.port for broker in county.brokers)
    return "\n".join([
        f"the county: {len(county.gardens)} gardens, {REAL} of them with a real gateway",
        f"brokers: mqtts://127.0.0.1:{a} and mqtts://127.0.0.1:{b}, for gateways with a certificate",
        f"page: https://{county.page}/      login county, or north; password {PASSWORD}",
        f'database: psql "{database.conninfo}"',
        "try, in another terminal:",
        f'  psql "{database.conninfo}" -c "SELECT site, seen, last, ids FROM gateway ORDER BY site"',
        f'  psql "{database.conninfo}" -c "SELECT * FROM hole"',
        f"  kill -9 {county.brokers[0].child.pid}      a broker; or any other part: nothing is lost",
        f"files and logs: {county.folder}      Ctrl-C ends it",
    ])


def figures(county):
    """(sent, stored, holes, duplicates, dead): records, readings and gaps, as the gateways number
    them; stored are those that the database knows, less readings that it knows and does not have."""
    database = county.database
    known, have, rows, different, holes, dead = map(int, database(
        "SELECT (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM gateway, unnest(ids) r),"
        " (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM stream, unnest(have) r),"
        " (SELECT count(*) FROM reading),"
        " (SELECT count(*) FROM (SELECT DISTINCT stream, seq FROM reading) d),"
        " (SELECT count(*) FROM hole) + (SELECT count(*) FROM missing),"
        " (SELECT count(*) FROM dead)").split("|"))
    return (sum(one.sent() for one in county.gardens), known - (have - different), holes,
            rows - different, dead)


def live(county, seconds):
    """The gardens go on until the time is over, or Ctrl-C."""
    begin = told = beat = time.monotonic()
    end = begin + seconds if seconds else float("inf")
    sims = county.of(Recorded)
    due = [begin + EVERY_S * n / len(sims) for n in range(len(sims))]
    while not county.asked.is_set and (now := time.monotonic()) < end:
        county.look_after()
        for n, one in enumerate(sims):
            if now >= due[n]:
                due[n] += EVERY_S
                one.live()
        if now - beat >= BEAT_S:
            beat = now
            for one in sims:
                one.beat()
        if now - told >= 10:
            told = now
            tell(county)
        time.sleep(0.05)


def tell(county):
    try:
        count = county.database.number("SELECT count(*) FROM reading")
    except AssertionError:
        return  # PostgreSQL is just being started again
    print(f"{count} readings in PostgreSQL", flush=True)


def settle(county, done):
    """Until done(figures), at most DRAIN_S; the figures then."""
    until, beat = time.monotonic() + DRAIN_S, 0
    while True:
        county.look_after()
        if time.monotonic() - beat > BEAT_S:
            beat = time.monotonic()
            for one in county.of(Recorded):
                one.beat()
        found = figures(county)
        if done(*found) or time.monotonic() > until:
            return found
        time.sleep(0.5)


def all_met(county):
    """Has each device of the real gateways given a reading? Of one that has not nobody knows what is missing."""
    met = county.database.number("SELECT count(*) FROM stream JOIN gateway USING (gw)"
                                 " WHERE site LIKE 'real-%' AND NOT isempty(have)")
    return met >= sum(len(line["units"]) for one in county.of(Real) for line in one.site.field.scene["lines"])


def finish(county):
    """What the gardens have arrives, and is counted. A gateway asks a node for what it took before the
    two met when it takes its next sample: until then they go on."""
    settle(county, lambda sent, stored, holes, *_: holes == 0 and all_met(county))
    for one in county.of(Real):
        one.still()
    settle(county, lambda sent, stored, holes, *_: holes == 0)
    for one in county.of(Real):
        one.silent()
    sent, stored, holes, duplicates, dead = settle(
        county, lambda sent, stored, holes, *_: sent == stored and holes == 0)
    print(f"county: sent={sent} stored={stored} holes={holes} duplicates={duplicates} dead={dead}",
          flush=True)
    if holes > 0:
        print(county.database("SELECT site, m.* FROM missing m JOIN gateway USING (gw)"),
              county.database("SELECT * FROM hole"), flush=True)
    return 0 if sent == stored > 0 and holes == duplicates == dead == 0 else 1


def run(options, county):
    print("starting the county: it takes some seconds …", flush=True)
    county.start_engines()
    county.start_programs()
    county.start_gardens(options.gardens)
    county.stands = True
    print(welcome(county), flush=True)
    live(county, options.seconds)
    return finish(county)


def main():
    options = arguments()
    asked = Asked()
    county = County(pathlib.Path(tempfile.mkdtemp(prefix="baiye-county-")), asked)
    status = 1
    try:
        status = run(options, county)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"tools/county: {error}", file=sys.stderr)
        # A terminal's Ctrl-C is for short-lived children, too: that they end is no fault.
        status = 130 if asked.is_set and not county.stands else 1
    except KeyboardInterrupt:
        status = 130  # before it stood
    finally:
        county.close()
    if status in (0, 130):
        shutil.rmtree(county.folder, ignore_errors=True)
    else:
        print(f"tools/county: the logs are in {county.folder}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
