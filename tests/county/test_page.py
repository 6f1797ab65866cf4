# SPDX-License-Identifier: Apache-2.0
"""The county's page: who sees what, that its figures are PostgreSQL's, and who means ill."""
import csv
import io
import json
import math
import threading
import time
import urllib.parse

import pytest

import garden
from county import BASE_MS, HOUR_MS, Gateway, reading, settle
from garden import wait_until
from page import PASSWORD, Page, allow, operate
from secured import Authority

EVIL = '=HYPERLINK("http://x")<img src=x onerror=alert(1)>'


@pytest.fixture
def running(county, tmp_path):
    authority = Authority(tmp_path, "web-ca")
    certificate, key = authority.issue("localhost")
    files = tmp_path / "files"
    files.mkdir()
    (files / "index.html").write_text("<p>page</p>")
    (tmp_path / "secret.html").write_text("secret")
    one = county(page=str(files), silent="2h", http={
        "listen": f"127.0.0.1:{(port := garden.free_port())}", "cert_file": str(certificate),
        "key_file": str(key)})
    one.port, one.authority = port, tmp_path / "web-ca.crt"
    return one


@pytest.fixture
def browser(running):
    return lambda source="127.0.0.1": Page(running.port, running.authority, source)


@pytest.fixture
def gardens(running, database, broker, ingest):
    """Two in two regions, one of them with a label that means ill, and one without a region."""
    ingest()
    made = {}
    for site, label in ("north-1", "北坡"), ("south-1", EVIL), ("lost-1", "-5+cmd"):
        gateway = made[site] = Gateway(broker, site)
        gateway.keep(*[reading("plot-1", n) for n in range(1, 131)])
        gateway.send(1, 130)
        gateway.send_raw(json.dumps({
            "site": site, "label": label, "location": {
                "lat": 26.5, "lon": 107.9, "timezone": "Asia/Shanghai"},
            "devices": [{"name": "plot-1", "label": EVIL}]}).encode(), leaf="site", retain=True)
        gateway.send_raw(json.dumps({
            "id": "frost", "level": "alarm", "what": EVIL, "where": "plot-1", "since": BASE_MS,
            "todo": ""}).encode(), leaf="alert/frost", retain=True)
        gateway.send_raw(json.dumps({
            "gw": gateway.uuid, "first": 1, "last": 140, "sent": 133, "boot": 1,
            "ts": int(time.time() * 1000), "version": "0.1.0", "month_bytes": 5250000}).encode(),
            leaf="gateway/log", retain=True)
    for site, gateway in made.items():
        settle_130(database, gateway)
        if site != "lost-1":
            assert operate(running, "region", site, site.split("-")[0])[0] == 0
    wait_until(lambda: database.number("SELECT count(*) FROM garden_now WHERE alarms = 1"
                                       " AND label IS NOT NULL") == 3, 120, "all has come")
    return made


def settle_130(database, gateway):
    settle(database, gateway)
    wait_until(lambda: database(f"SELECT last FROM gateway WHERE gw = '{gateway.uuid}'") == "140", 120,
               "the log")


def test_what_is_missing_is_what_is_asked_for(database, broker, ingest):
    """The page's sum, of records that are newer than the log told as well."""
    ingest()
    gateway = Gateway(broker, "farm-1")
    gateway.keep(*[reading("plot-1", n) for n in range(1, 41)])
    gateway.send(1, 10)
    gateway.beat()
    wait_until(lambda: database("SELECT last FROM gateway") == "40", 120, "the log")
    gateway.keep(*[reading("plot-1", n) for n in range(41, 81)])
    gateway.send(61, 80)
    wait_until(lambda: database("SELECT ids FROM gateway") == "{[1,11),[61,81)}", 120, "newer ones")
    assert database("SELECT holes, (SELECT sum(last - first + 1) FROM hole) FROM garden_now") == "50|50"


def sites(page):
    return sorted(garden["site"] for garden in page.get("/county/gardens")["gardens"])


def test_a_login_sees_its_regions_and_no_others(running, browser, gardens):
    allow(running, "north", "north:viewer")
    allow(running, "all", "*:operator")
    north, everybody, nobody = browser(), browser(), browser()
    assert north.login("north") == 200 and everybody.login("all") == 200
    assert sites(north) == ["north-1"]
    assert sites(everybody) == ["lost-1", "north-1", "south-1"]
    assert north.get("/county/garden?site=north-1")["label"] == "北坡"
    hours = "device=plot-1&metric=air_temperature&from=0&to=9999999999999"
    for path in ("/county/garden?site=south-1", "/county/garden?site=nowhere",
                 f"/county/hours?site=south-1&{hours}", f"/county/hours?site=lost-1&{hours}"):
        assert north.get(path) is None, path
    assert "south" not in north.ask("GET", "/county/gardens.csv")[2]
    assert north.ask("GET", f"/county/hours.csv?site=south-1&{hours}")[2].count("\n") == 1
    for path in ("gardens", "garden?site=north-1", "days", "gardens.csv", "days.csv",
                 f"hours?site=north-1&{hours}", f"hours.csv?site=north-1&{hours}"):
        status, _, text = nobody.ask("GET", f"/county/{path}")
        assert (status, text) == (401, '{"error":"login"}'), path
    everybody.get("/county/gardens")
    assert operate(running, "login", "all")[0] == 0, "taken away"
    assert everybody.ask("GET", "/county/gardens")[0] == 401, "at once"


def test_the_figures_are_those_of_the_database(running, browser, database, gardens):
    allow(running, "all", "*:viewer")
    page = browser()
    assert page.login("all") == 200
    shown = {g["site"]: g for g in page.get("/county/gardens")["gardens"]}
    one = shown["north-1"]
    assert (one["backlog"], one["holes"], one["gone"], one["alarms"], one["watches"]) == (7, 10, 0, 1, 0)
    assert (one["version"], one["month_bytes"], one["lat"], one["region"]) == (
        "0.1.0", 5250000, 26.5, "north")
    assert one["aside"] == 0
    database("INSERT INTO dead (topic, content_type, reason, body) SELECT 'baiye/north-1/readings', '', 'x', 'x'"
             " FROM generate_series(1, 3); INSERT INTO dead_more VALUES ('north-1', current_date, 4), ('south-1',"
             " current_date, 9)")
    shown = {g["site"]: g for g in page.get("/county/gardens")["gardens"]}
    assert (shown["north-1"]["aside"], shown["south-1"]["aside"]) == (7, 9)
    seen = database("SELECT extract(epoch FROM seen) * 1000 FROM gateway WHERE site = 'north-1'")
    assert abs(one["seen"] - float(seen)) < 1000
    assert page.get("/county/garden?site=north-1")["firmware"] == []
    database("INSERT INTO firmware (sha256, hardware, version, counter, size, body) VALUES ('x', 1, '0.2.0', 1, 1, '');"
             "INSERT INTO firmware_rollout (sha256, stop_percent, share_percent, soak_s, deadline_s)"
             " VALUES ('x', 5, 100, 1, 1); INSERT INTO firmware_site (rollout, site, ring, state)"
             " SELECT id, 'north-1', 1, 'soaking' FROM firmware_rollout")
    detail = page.get("/county/garden?site=north-1")
    assert detail["firmware"] == [{"version": "0.2.0", "state": "soaking"}]
    assert detail["measured"] == [["plot-1", "air_temperature"]]
    assert detail["alerts"][0]["what"] == EVIL
    hours = page.get("/county/hours?site=north-1&device=plot-1&metric=air_temperature"
                     f"&from={BASE_MS}&to={BASE_MS + 3 * HOUR_MS}")
    want = database.rows(
        "SELECT round(extract(epoch FROM hour) * 1000), n, min, sum / n, max FROM hourly JOIN stream ON"
        " id = stream JOIN gateway USING (gw) WHERE site = 'north-1' ORDER BY hour")
    assert hours["t"] == [int(row[0]) for row in want] and hours["n"] == [59, 60, 11]
    for k, name in ((2, "min"), (3, "mean"), (4, "max")):
        assert all(math.isclose(a, float(row[k])) for a, row in zip(hours[name], want)), name
    table = list(csv.reader(io.StringIO(page.ask(
        "GET", "/county/hours.csv?site=north-1&device=plot-1&metric=air_temperature&from=0"
        "&to=9999999999999")[2].lstrip("\ufeff"))))
    assert [row[1] for row in table] == ["n", "59", "60", "11"]


def test_directions_and_sums_are_no_means(running, browser, database, broker, ingest):
    ingest()
    allow(running, "all", "*:viewer")
    gateway = Gateway(broker, "farm-1")
    gateway.keep(reading("mast", 1, values={"wind_direction": 350, "rainfall": 1.5}),
                 reading("mast", 2, values={"wind_direction": 20, "rainfall": 2}))
    gateway.send(1, 2)
    settle(database, gateway)
    page = browser()
    page.login("all")
    ask = "/county/hours?site=farm-1&device=mast&from=0&to=9999999999999&metric="
    assert page.get(ask + "wind_direction")["mean"] == [5]
    rain = page.get(ask + "rainfall")
    assert (rain["kind"], rain["mean"]) == ("sum", [3.5])
    assert page.get(ask + "nothing")["t"] == []


def test_a_garden_that_has_nothing_yet_hides_no_other(running, browser, database, gardens):
    """A new store says that its last record is number 0; one that was never told of has none."""
    allow(running, "all", "*:viewer")
    database("INSERT INTO gateway (gw, site, first, last, sent) VALUES"
             " (gen_random_uuid(), 'new-1', 1, 0, 0)")
    database("INSERT INTO gateway (gw, site) VALUES (gen_random_uuid(), 'new-2')")
    page = browser()
    page.login("all")
    shown = {g["site"]: g for g in page.get("/county/gardens")["gardens"]}
    assert len(shown) == 5
    assert [(shown[s]["holes"], shown[s]["backlog"]) for s in ("new-1", "new-2")] == [(0, 0), (0, None)]
    assert page.get("/county/garden?site=new-1")["measured"] == []


def test_the_days_are_added_up_over_the_gardens_of_the_login(running, browser, database, gardens):
    allow(running, "north", "north:viewer")
    allow(running, "all", "*:viewer")
    database("INSERT INTO day (site, day, kg, pickers, low, middle, high) VALUES"
             " ('north-1', now()::date, 10, 4, NULL, NULL, NULL), ('south-1', now()::date, 5.5, 2,"
             " NULL, NULL, NULL), ('north-1', now()::date + 1, NULL, NULL, 5, 8, 12)")
    north, everybody = browser(), browser()
    north.login("north")
    everybody.login("all")
    assert [(d["kg"], d["pickers"], d["middle"]) for d in everybody.get("/county/days")] == [
        (15.5, 6, None), (None, None, 8)]
    assert [d["kg"] for d in north.get("/county/days")] == [10, None]
    assert [d["kg"] for d in everybody.get("/county/days?site=south-1")] == [5.5]
    assert north.get("/county/days?site=south-1") == []
    assert "5.5" not in north.ask("GET", "/county/days.csv")[2]


def test_no_text_is_a_formula_in_the_tables(running, browser, gardens):
    allow(running, "all", "*:viewer")
    page = browser()
    page.login("all")
    status, headers, text = page.ask("GET", "/county/gardens.csv")
    assert status == 200 and headers["Content-Disposition"] == "attachment"
    rows = {row[0]: row for row in csv.reader(io.StringIO(text.lstrip("\ufeff")))}
    assert rows["site"][:3] == ["site", "label", "region"]
    assert rows["south-1"][1] == "'" + EVIL
    assert rows["lost-1"][1] == "'-5+cmd"
    assert rows["north-1"][1] == "北坡"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows.values() for cell in row)


def test_an_operator_notes_a_silence_and_nobody_else_does(running, browser, database, gardens):
    """Also where nobody is told of it; and it is that silence, no later one."""
    allow(running, "op", "north:operator", "south:viewer")
    page = browser()
    page.login("op")
    database("UPDATE gateway SET seen = now() - interval '3 h'")
    for site, status in ("north-1", 200), ("south-1", 404), ("lost-1", 404), ("nowhere", 404):
        assert page.ask("POST", "/county/seen", json.dumps({"site": site}))[0] == status, site
    seen = lambda: {g["site"]: g["seen_by"] for g in page.get("/county/gardens")["gardens"]}  # noqa: E731
    assert seen() == {"north-1": "op", "south-1": None}
    assert page.get("/county/garden?site=north-1")["seen_by"] == "op"
    database("UPDATE gateway SET seen = now() - interval '2.5 h'")
    assert seen() == {"north-1": None, "south-1": None}


HOSTILE = ["' OR '1'='1", "north-1' --", "north-1'; DROP TABLE gateway; --", "$1", "north-1\\", "%",
           "../north-1", "", "a" * 5000, "北"]


def test_what_is_asked_for_is_never_a_statement(running, browser, database, gardens):
    allow(running, "north", "north:viewer")
    page = browser()
    page.login("north")
    for text in HOSTILE:
        word = urllib.parse.quote(text)
        for path in (f"garden?site={word}", f"days?site={word}",
                     f"hours?site={word}&device=plot-1&metric=air_temperature&from=0&to=1",
                     f"hours?site=north-1&device={word}&metric=air_temperature&from=0&to=1",
                     f"hours?site=north-1&device=plot-1&metric={word}&from=0&to=1",
                     f"hours?site=north-1&device=plot-1&metric=air_temperature&from={word}&to=1"):
            assert page.ask("GET", f"/county/{path}")[0] in (400, 404), path
        assert browser("127.0.0.9").login(text, text) in (400, 401, 413, 429)
        page.ask("POST", "/county/seen", json.dumps({"site": text}))
    assert database.number("SELECT count(*) FROM gateway") == 3
    assert sites(page) == ["north-1"]


def test_a_guessed_or_old_session_is_none(running, browser, database, gardens):
    allow(running, "all", "*:viewer")
    page, other = browser(), browser()
    page.login("all")
    assert page.get("/county/gardens")
    for cookie in ("0" * 64, page.cookie[:-1], page.cookie.upper(), page.cookie + "0", "' OR true",
                   page.cookie[::-1]):
        if cookie != page.cookie:
            other.cookie = cookie
            assert other.ask("GET", "/county/gardens")[0] == 401, cookie
    assert page.cookie not in database("SELECT string_agg(token::text, ' ') FROM session")
    database("UPDATE session SET until = now()")
    assert page.ask("GET", "/county/gardens")[0] == 401
    page.login("all")
    assert page.ask("POST", "/county/logout")[0] == 200
    assert page.ask("GET", "/county/gardens")[0] == 401


def test_guessing_gets_slow_for_who_guesses_and_for_nobody_else(running, browser):
    allow(running, "all", "*:viewer")
    thief, owner = browser("127.0.0.2"), browser("127.0.0.3")
    answers = []

    def slowed_down():
        answers.extend(thief.login("all", f"guess {n}") for n in range(12))
        return thief.login("all") == 429  # or its wait of some seconds is just over
    wait_until(slowed_down, 60, "he waits, whatever he says")
    assert answers[:5] == [401] * 5 and 429 in answers
    assert owner.login("all") == 200
    assert owner.login("nobody") == 401


def test_another_page_does_nothing_in_our_name(running, browser, gardens):
    allow(running, "all", "*:operator")
    page = browser()
    for origin in "https://evil.example", "null", "http://127.0.0.1", None:
        headers = {"Origin": origin} if origin else {"Origin": ""}
        status = page.ask("POST", "/county/login",
                          json.dumps({"user": "all", "password": PASSWORD}), **{
                              **headers, **({} if origin else {"Origin": "x"})})[0]
        assert status == 400, origin
    assert page.login("all") == 200
    assert page.ask("POST", "/county/seen", '{"site":"north-1"}', Origin="https://evil.example")[0] == 400


def test_files_have_their_policy_and_nothing_else_is_served(running, browser):
    page = browser()
    status, headers, text = page.ask("GET", "/")
    assert (status, text) == (200, "<p>page</p>")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert page.ask("GET", "/", If_None_Match=headers["ETag"])[0] == 304
    for path in ("/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", "//etc/passwd",
                 "/.secret", "/none.js"):
        assert page.ask("GET", path)[0] == 404, path


def test_who_may_log_in_is_said_whole_or_not_at_all(running, browser):
    allow(running, "li", "north:viewer", "south:operator")
    for words, line in ((["li", "north:owner"], PASSWORD), (["li", "north"], PASSWORD),
                        (["li", "*:viewer"], "short"), (["a/b", "*:viewer"], PASSWORD),
                        (["li", ":viewer"], PASSWORD)):
        code, text = operate(running, "login", *words, line=line)
        assert code == 69 and text, words
    page = browser()
    assert page.login("li") == 200
    assert page.get("/county/gardens")["regions"] == ["north", "south"]


TABLES = {"reading": "stream IN (SELECT id FROM stream JOIN gateway USING (gw) WHERE site = '{}')",
          "hour": "stream IN (SELECT id FROM stream JOIN gateway USING (gw) WHERE site = '{}')",
          "document": "site = '{}'"}


def counts(database, site):
    return [database.number(f"SELECT count(*) FROM {table} WHERE {where.format(site)}")
            for table, where in TABLES.items()]


def test_an_operator_retires_a_garden_of_his(running, browser, database, gardens):
    allow(running, "looks", "north:viewer")
    allow(running, "south", "south:operator")
    allow(running, "north", "north:operator")

    def ask(user, **body):
        one = browser()
        assert one.login(user) == 200
        return one.ask("POST", "/county/retire", json.dumps(body))[0]
    assert ask("looks", site="north-1", data="keep") == 404
    assert ask("south", site="north-1", data="keep") == 404
    assert ask("north", site="north-1", data="burn") == ask("north", site="north-1") == 400
    assert ask("north", site="nowhere", data="keep") == 404
    others = counts(database, "south-1")
    assert all(counts(database, "north-1")) and all(others)
    assert ask("north", site="north-1", data="remove") == 200
    assert counts(database, "north-1") == [0, 0, 0]
    assert counts(database, "south-1") == others
    assert database("SELECT who, what, site FROM audit ORDER BY id DESC LIMIT 1") == \
        "north|retired, data removed|north-1"
    one = browser()
    assert one.login("north") == 200
    assert one.get("/county/gardens")["gardens"] == []
    assert operate(running, "retire", "nowhere", "keep")[0] == 69
    assert operate(running, "retire", "south-1", "burn")[0] == 69


def high_water_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def test_5000_gardens_take_little_memory(running, browser, database, ingest):
    ingest()
    allow(running, "all", "*:viewer")
    database("INSERT INTO gateway (gw, site, first, last, sent, boot, told, version, month_bytes, broker,"
             " ids) SELECT gen_random_uuid(), 'farm-' || n, 1, 500000, 499990, 1, now(), '0.1.0',"
             " 5000000, 'x', int8multirange(int8range(1, 400000), int8range(400100, 500001))"
             " FROM generate_series(1, 5000) n")
    database("INSERT INTO document (site, name, broker, body) SELECT 'farm-' || n, 'site', 'x',"
             " jsonb_build_object('label', repeat('茶园', 30), 'location', jsonb_build_object('lat', 26.5,"
             " 'lon', 107.9, 'timezone', 'Asia/Shanghai')) FROM generate_series(1, 5000) n")
    database("INSERT INTO document (site, name, broker, body) SELECT 'farm-' || n % 5000 + 1, 'alert/' || n,"
             " 'x', '{\"level\": \"alarm\"}' FROM generate_series(1, 20000) n")
    pages = [browser() for _ in range(4)]
    for page in pages:
        assert page.login("all") == 200
    for _ in range(3):
        threads = [threading.Thread(target=page.get, args=("/county/gardens",)) for page in pages]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    shown = pages[0].get("/county/gardens")["gardens"]
    assert len(shown) == 5000 and {g["alarms"] for g in shown} == {4} and {g["holes"] for g in shown} == {100}
    assert pages[0].ask("GET", "/county/gardens.csv")[2].count("\n") == 5001
    used = high_water_mb(running.child.pid)
    assert used <= 128, used
    print(f"rss_mb={used:.0f}")
