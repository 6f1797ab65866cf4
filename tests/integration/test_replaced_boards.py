# SPDX-License-Identifier: Apache-2.0
"""A node's board is known by its serial number: a new one under an old name repeats no number of the
old one's, and one that stands in another's place gives no readings under the wrong name."""
import json
import shutil

import pytest
from garden import Field, wait_until


def scene(*serials):
    """A line each, so that adapters can be swapped."""
    return [{"name": f"line-{i}", "baud": 19200, "units": [
        {"kind": "native", "address": 1, "name": f"plot-{i}", "serial": serial, "period_s": 1}]}
        for i, serial in enumerate(serials)]


@pytest.fixture
def garden_site(site, needs):
    needs("baiye-field", "baiyed", "baiye-node")
    site.start_broker()
    site.start_watcher()
    return site


def replace(site, *serials):
    """Other boards, fresh from the factory, at the same places."""
    site.field.stop()
    shutil.rmtree(site.folder / "field")
    site.field.ledger_path.rename(site.folder / "earlier.jsonl")
    site.field = Field(site.folder, {"weather": {"speed": 600}, "lines": scene(*serials)})
    site.field.start()


def of(site, device):
    return {key[1:]: reading for key, reading in site.watcher.copy().items() if key[0] == device}


def test_a_replaced_boards_first_readings_are_taken(garden_site):
    site = garden_site
    site.start_field(scene(4711))
    site.start_gateway(every="1s")
    wait_until(lambda: len(of(site, "plot-0")) >= 15, 40, "readings of the first board")
    first = of(site, "plot-0")
    assert {reading["s"] for reading in first.values()} == {4711}
    assert all(boot < 65536 for boot, _ in first)
    replace(site, 4712)
    wait_until(lambda: any(r.get("s") == 4712 for r in of(site, "plot-0").values()), 60,
               "readings of the second one")
    wait_until(lambda: sum(r.get("s") == 4712 for r in of(site, "plot-0").values()) >= 12, 40,
               "all of its readings")
    second = {key: r for key, r in of(site, "plot-0").items() if r["s"] == 4712}
    assert all(65536 < boot < 131072 for boot, _ in second)

    def whole():
        seqs = sorted(seq for (_, seq), r in of(site, "plot-0").items() if r["s"] == 4712)
        return seqs == list(range(1, seqs[-1] + 1))
    wait_until(whole, 20, "from its very first sample on")
    assert not set(first) & set(second)


def test_it_goes_on_after_a_restart_of_the_gateway(garden_site):
    site = garden_site
    site.start_field(scene(4711))
    site.start_gateway(every="1s")
    wait_until(lambda: len(of(site, "plot-0")) >= 5, 40, "readings of the first board")
    site.gateway.stop()
    replace(site, 4712)
    site.gateway.start()
    wait_until(lambda: sum(r["s"] == 4712 for r in of(site, "plot-0").values()) >= 5, 40,
               "readings of the second one")
    site.gateway.kill()
    before = len(of(site, "plot-0"))
    site.gateway.start()
    wait_until(lambda: len(of(site, "plot-0")) >= before + 5, 40, "more of the second one")

    def whole():
        second = sorted(seq for (_, seq), r in of(site, "plot-0").items() if r["s"] == 4712)
        return second == list(range(1, second[-1] + 1))
    wait_until(whole, 20, "what was missed comes from its log")


def test_swapped_boards_are_told_and_give_nothing_under_the_wrong_name(garden_site):
    site = garden_site
    site.start_field(scene(4711, 4712))
    site.start_gateway(every="1s")
    wait_until(lambda: of(site, "plot-0") and of(site, "plot-1"), 40, "readings of both")
    site.gateway.stop()
    replace(site, 4712, 4711)
    before = {device: set(of(site, device)) for device in ("plot-0", "plot-1")}
    site.gateway.start()
    for device, owner, serial in (("plot-0", "plot-1", "0000-1268-8"), ("plot-1", "plot-0", "0000-1267-5")):
        payload = wait_until(lambda d=device: site.watcher.retained.get(f"alert/board-{d}"), 40,
                             "an alert")
        assert f"the board of {owner} (serial number {serial})" in json.loads(payload)["what"]
    assert {device: set(of(site, device)) for device in before} == before
    site.gateway.stop()
    replace(site, 4711, 4712)
    site.gateway.start()
    wait_until(lambda: not site.watcher.retained.get("alert/board-plot-0") and
               not site.watcher.retained.get("alert/board-plot-1"), 40, "the alerts end")
    wait_until(lambda: set(of(site, "plot-0")) > before["plot-0"], 40, "readings come again")
