# SPDX-License-Identifier: Apache-2.0
"""A database file from elsewhere is data: nothing that its schema says is carried out."""
import json
import sqlite3
import subprocess

import garden

PLANTED = """
CREATE TRIGGER t1 AFTER INSERT ON batch BEGIN DELETE FROM stream; DELETE FROM pick; END;
CREATE TRIGGER t2 AFTER INSERT ON audit BEGIN UPDATE audit SET user = 'nobody'; END;
CREATE TRIGGER t3 AFTER UPDATE ON broker BEGIN DELETE FROM batch; END;
CREATE TRIGGER t4 AFTER INSERT ON meta BEGIN DELETE FROM audit; END;
"""


def stats(site):
    done = subprocess.run([garden.program("baiye"), "stats", "--json", "--socket",
                           site.gateway.config["control"]["socket"]],
                          capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)["store"] if done.returncode == 0 else {"stored": 0}


def test_planted_triggers_do_nothing(site, needs):
    needs("baiye-field", "baiyed", "baiye")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}])
    site.start_gateway(every="1s")
    garden.wait_until(lambda: stats(site)["stored"] >= 2, 30, "readings")
    assert site.gateway.stop() == 0
    store = next(site.folder.glob("readings.db"))
    file = sqlite3.connect(store)
    file.executescript(PLANTED)
    before = file.execute("SELECT count(*) FROM batch").fetchone()[0]
    file.execute("INSERT INTO pick (id, plot, user, day, kg) VALUES ('x', 'upper', 'li', 1, 1)")
    file.commit()
    file.close()
    site.gateway.start()
    garden.wait_until(lambda: stats(site)["stored"] >= 2, 30, "readings go on")
    subprocess.run([garden.program("baiye"), "pause", "east", "1", "--socket",
                    site.gateway.config["control"]["socket"]], check=True, capture_output=True)
    assert site.gateway.stop() == 0
    file = sqlite3.connect(store)
    assert file.execute("SELECT count(*) FROM stream").fetchone()[0] >= 1
    assert file.execute("SELECT count(*) FROM pick").fetchone()[0] == 1
    assert file.execute("SELECT count(*) FROM batch").fetchone()[0] > before >= 1
    users = {row[0] for row in file.execute("SELECT user FROM audit")}
    assert users and "nobody" not in users
    file.close()
