# SPDX-License-Identifier: Apache-2.0
"""Firmware for the nodes from the county, at a gateway: in parts, for its own key alone, within the
data plan, not in a frost, and through a kill -9."""
import base64
import hashlib
import shutil
import subprocess

import pytest

import garden
from garden import wait_until

NAMES = ["plot-1", "plot-2"]
FROST = {"name": "frost", "label": "霜冻", "label_en": "Frost", "metric": "air_temperature", "below": 90,
         "clear": 91, "level": "alarm", "todo_en": "cover"}


class Afar:
    """The broker's users are the county's, all of them."""

    def __init__(self, site, **entry):
        self.site = site
        site.start_broker()
        site.start_field([{"name": "east", "baud": 115200, "units": [
            {"kind": "native", "address": i + 1, "name": name, "period_s": 2}
            for i, name in enumerate(NAMES)]}])
        self.watcher = site.start_watcher()
        self.gateway = site.gateway = garden.Gateway(site.folder, site.broker, site.buses("2s"))
        self.gateway.config["mqtt"][0].update(requests="county", **entry)
        self.gateway.write_config()
        subprocess.run(["openssl", "pkey", "-in", garden.ROOT / "firmware/boot/keys/test.pem", "-pubout",
                        "-out", site.folder / "firmware-keys.pem"], check=True)
        self.gateway.start()
        wait_until(lambda: all(self.watcher.count(name) for name in NAMES) or not self.gateway.running(), 120,
                   "readings of each")

    def ask(self, method, **arguments):
        """Again and again, as the county does: the gateway may be starting."""
        correlations = []

        def answered():
            correlations.append(self.watcher.request(method, arguments) if len(correlations) % 20 == 0 else None)
            found = [self.watcher.answers[c] for c in correlations if c in self.watcher.answers]
            return next((a for a in found if a.get("error", {}).get("code") != "starting"), None)
        wait_until(answered, 120, f"{method} is answered: {self.gateway.log()[-2000:]}")
        return answered()

    def restart(self, **keys):
        """As after a loss of power."""
        self.gateway.kill()
        self.gateway.config.update(keys)
        self.gateway.write_config()
        self.gateway.start()

    def freeze(self):
        """As after a loss of power, into a frost."""
        self.restart(alerts=[FROST])
        wait_until(lambda: any(topic.startswith("alert/frost") and body for topic, body in
                               self.watcher.retained.copy().items()), 60, "there is a frost")

    def thaw(self):
        self.restart(alerts=[{**FROST, "below": -90, "clear": -89}])
        wait_until(lambda: not any(topic.startswith("alert/frost") and body for topic, body in
                                   self.watcher.retained.copy().items()), 60, "it is over")

    def state(self):
        return self.ask("firmware_state")


class Image:
    def __init__(self, path):
        self.body = path.read_bytes()
        self.sha256 = hashlib.sha256(self.body).hexdigest()

    def part(self, afar, at, size=16384):
        data = base64.b64encode(self.body[at:at + size]).decode()
        return afar.ask("firmware_part", sha256=self.sha256, size=len(self.body), at=at, data=data)

    def offer(self, afar, **more):
        return afar.ask("firmware_part", sha256=self.sha256, size=len(self.body), **more)

    def head(self):
        """Of the first image in the file."""
        at = int.from_bytes(self.body[8:12], "big")
        return base64.b64encode(self.body[at:at + 128]).decode()

    def send(self, afar):
        have = self.offer(afar)["have"]
        while have < len(self.body):
            answer = self.part(afar, have)
            assert "error" in answer or answer["have"] > have, answer
            if "error" in answer:
                return answer
            have = answer["have"]
        return answer


def image(site, version, **more):
    return Image(garden.native_image(site.folder, version, **more))


def ended(afar, one):
    wait_until(lambda: (afar.state()["outcome"] or {}).get("sha256") == one.sha256, 300, "it is over")
    return afar.state()["outcome"]


def test_it_comes_in_parts_and_outlives_kill_and_frost(site):
    afar = Afar(site)
    one = image(site, "0.2.0")
    assert one.offer(afar)["have"] == 0
    assert one.part(afar, 16384)["have"] == 0, "one after the other"
    assert one.part(afar, 0, 100)["error"]["code"] == "invalid", "whole parts"
    assert one.part(afar, 0)["have"] == 16384
    assert one.part(afar, 0)["have"] == 16384, "what came twice is there once"
    afar.freeze()
    assert one.offer(afar)["have"] == 16384, "what was here is here"
    assert one.send(afar)["have"] == len(one.body)
    assert afar.ask("firmware_start", sha256=one.sha256)["error"]["code"] == "frost"
    afar.thaw()
    assert one.offer(afar)["have"] == len(one.body)
    assert afar.ask("firmware_start", sha256=one.sha256, share=20)["running"]
    wait_until(lambda: afar.state()["phase"] == "sending", 60, "it has begun, and the store knows")
    afar.freeze()
    wait_until(lambda: afar.state()["phase"] == "waiting for the frost to pass", 60, "a frost holds it up")
    seen = {name: afar.watcher.count(name) for name in NAMES}
    wait_until(lambda: all(afar.watcher.count(name) > seen[name] for name in NAMES), 60, "polls go on")
    afar.thaw()
    outcome = ended(afar, one)
    assert outcome["version"] == "0.2.0" and outcome["counts"]["updated"] == 2, outcome
    wait_until(lambda: afar.state()["outcome"]["nodes"] == [], 60, "each says its new version")
    assert afar.state()["outcome"]["counts"] == {"updated": 2}
    afar.restart()
    assert afar.state()["outcome"]["sha256"] == one.sha256, "what it came to is kept"
    site.field.control("power", line="east", unit=2, on=False)
    wait_until(lambda: afar.state()["outcome"]["counts"].get("lost") == 1, 60, "a node is lost")
    assert [n["device"] for n in afar.state()["outcome"]["nodes"]] == ["plot-2"]


def test_only_what_a_key_of_the_gateway_has_signed_is_taken(site):
    afar = Afar(site)
    assert "holds the test key, which everybody has" in afar.gateway.log(), "not to be taken for a farm's own"
    key = site.folder / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    other = image(site, "0.2.0", key=key)
    answer = other.send(afar)
    assert answer["error"]["code"] == "refused" and "not signed by a key" in answer["error"]["message"], answer
    assert afar.ask("firmware_start", sha256=other.sha256)["error"]["code"] == "unknown"
    assert afar.state()["sha256"] == "", "nothing of it is kept"
    good = image(site, "0.3.0")
    damaged = Image(site.folder / "baiye-node-0.3.0.img")
    damaged.body = damaged.body[:-1] + bytes([damaged.body[-1] ^ 1])
    assert "announced" in damaged.send(afar)["error"]["message"], "the hash is another"
    damaged.sha256 = hashlib.sha256(damaged.body).hexdigest()
    assert damaged.send(afar)["error"]["code"] == "refused"
    shutil.move(site.folder / "firmware-keys.pem", site.folder / "away.pem")
    assert "given no key" in good.send(afar)["error"]["message"]


def test_the_head_says_before_a_part_is_sent_that_it_is_for_nobody_here(site):
    afar = Afar(site)
    good = image(site, "0.2.0")
    assert good.offer(afar, head=good.head())["have"] == 0
    assert good.part(afar, 0)["have"] == 16384
    other = image(site, "0.3.0", hardware="0x4E410002")
    answer = other.offer(afar, head=other.head())
    assert answer["error"]["code"] == "none", answer
    assert "no node here is a board 0x4E410002; the first of 2 is 0x4E410001" == answer["error"]["message"]
    key = site.folder / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    stranger = image(site, "0.4.0", key=key)
    assert stranger.offer(afar, head=stranger.head())["error"]["code"] == "refused"
    for head in "", "x", "AAAA", good.head()[:-4], 7, base64.b64encode(bytes(128)).decode():
        assert good.offer(afar, head=head)["error"]["code"] == "invalid", head
    assert good.offer(afar, head=good.head())["have"] == 16384, "nothing of it has touched the one that is here"
    site.field.control("power", line="east", unit=1, on=False)
    answer = other.offer(afar, head=other.head())
    assert answer.get("have") == 0, ("who does not answer may be one", answer)


def test_who_was_told_that_it_has_begun_need_not_begin_it_again(site):
    """As large as an image may be: keeping it takes the store a while."""
    afar = Afar(site)
    program = site.folder / "program"
    program.write_text("/* not run */\n" * 18000)
    one = image(site, "0.2.0", source=program)
    one.send(afar)
    assert afar.ask("firmware_start", sha256=one.sha256)["running"]
    afar.restart()
    assert afar.state()["running"]


def test_what_does_not_fit_the_data_plan_does_not_come(site):
    afar = Afar(site, budget="100kB/month")
    one = image(site, "0.2.0")
    one.body += bytes(65536)
    answer = one.offer(afar)
    assert answer["error"]["code"] == "budget" and "of 0.1 MB" in answer["error"]["message"], answer
    assert one.part(afar, 0)["error"]["code"] == "budget"
    plan = afar.state()["plan"]
    assert plan["limit"] == 100000 and plan["needs"] > len(one.body) and plan["used"] > 0


@pytest.mark.parametrize("arguments", [
    {}, {"sha256": "x", "size": 1}, {"sha256": "0" * 64}, {"sha256": "0" * 64, "size": 0},
    {"sha256": "0" * 64, "size": 1 << 30}, {"sha256": "0" * 64, "size": 10, "at": 0, "data": "!"},
    {"sha256": "0" * 64, "size": 10, "at": -1, "data": "AAAA"},
    {"sha256": "0" * 64, "size": 10, "at": 0, "data": "A" * 40000}])
def test_what_is_no_part_is_said(shared, arguments):
    assert shared.ask("firmware_part", **arguments)["error"]["code"] == "invalid"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    one = garden.Site(tmp_path_factory.mktemp("s"))
    yield Afar(one)
    one.close()
