# SPDX-License-Identifier: Apache-2.0
"""The broker away, frozen or killed, the gateway killed: what was taken arrives all the same, once
it is asked for again where a broker forgot it; nothing is invented, and order is kept."""
import random
import signal
import time

import pytest

from garden import FULL, assert_true_to_ledger, wait_until

LINES = [
    {"name": "nodes", "baud": 19200, "units": [
        {"kind": "native", "address": 1, "name": "plot-1", "period_s": 1}]},
    {"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}]
AWAY_S = 60 if FULL else 8
KILLS = 50 if FULL else 5


@pytest.fixture
def running(site, needs):
    """A site that delivers."""
    needs("baiye-field", "baiyed", "baiye-node")
    site.start_broker()
    site.start_field(LINES)
    site.start_watcher()
    site.start_gateway(every="1s")
    wait_until(lambda: all(site.watcher.count(name) >= 3 for name in site.names.values()), 40,
               "readings arrive")
    return site


def pass_time(site, seconds):
    """The outage itself: so long the gateway must go on without help."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert site.gateway.running(), site.gateway.log()[-2000:]
        time.sleep(0.1)


def newest(site, device):
    return max((key[1:] for key in site.watcher.copy() if key[0] == device), default=(0, 0))


def wait_for_news(site, seconds=40):
    """Readings taken after now arrive."""
    before = {device: newest(site, device) for device in site.names.values()}
    counted = {device: site.watcher.count(device) for device in before}
    wait_until(lambda: all(newest(site, device) > before[device] and
                           site.watcher.count(device) >= counted[device] + 3
                           for device in before), seconds, "news after the outage")


def holes(site, device):
    """{boot: missing sequence numbers} between the first and the last that arrived."""
    seqs = {}
    for key in site.watcher.copy():
        if key[0] == device:
            seqs.setdefault(key[1], set()).add(key[2])
    reported = site.watcher.gap_seqs(device)
    missing = {boot: {seq for seq in range(min(have), max(have) + 1)
                      if seq not in have and (boot, seq) not in reported}
               for boot, have in seqs.items()}
    return {boot: gone for boot, gone in missing.items() if gone}


def ask_again(site):
    """As a consumer that sees a hole does."""
    for device in site.names.values():
        for boot, missing in holes(site, device).items():
            site.watcher.request("resend", {"device": device, "boot": boot, "from": min(missing),
                                            "to": max(missing)})


def assert_whole(site, seconds=30):
    """No hole is left that no gap record explains, and nothing was invented."""
    asked = [0.0]

    def whole():
        if not any(holes(site, device) for device in site.names.values()):
            return True
        if time.monotonic() - asked[0] > 3:
            asked[0] = time.monotonic()
            ask_again(site)
        return False

    try:
        wait_until(whole, seconds, "everything arrives")
    except AssertionError as error:
        missing = {device: holes(site, device) for device in site.names.values()}
        raise AssertionError(f"{error}; still missing: {missing}") from None
    assert_true_to_ledger(site, site.watcher.copy())


def assert_in_order(site):
    """But for what a node had measured before its first poll: that comes from its log, later."""
    for device, seqs in site.watcher.order.items():
        polled = [seq for seq in seqs if seq >= seqs[0]]
        assert polled == sorted(polled), f"{device}: {seqs}"


def test_a_broker_that_is_away(running):
    running.broker.stop()
    pass_time(running, AWAY_S)
    running.broker.start()
    wait_for_news(running)
    assert_whole(running)


def test_a_broker_that_is_frozen(running):
    running.broker.signal(signal.SIGSTOP)
    pass_time(running, AWAY_S)
    running.broker.signal(signal.SIGCONT)
    wait_for_news(running)
    assert_whole(running)


def test_a_broker_that_is_killed(running):
    running.broker.kill()
    pass_time(running, AWAY_S)
    running.broker.start()
    wait_for_news(running)
    assert_whole(running)


def test_polling_does_not_care_for_the_broker(running):
    running.broker.signal(signal.SIGSTOP)
    before = running.field.counts("east")["answers"]
    wait_until(lambda: running.field.counts("east")["answers"] >= before + 5, 6, "one a second is due")
    running.broker.signal(signal.SIGCONT)


def test_live_values_stop_being_called_online(running):
    """The will of a killed gateway says offline."""
    wait_until(lambda: running.watcher.retained.get("gateway/status") == b"online", 10, "online")
    running.gateway.kill()
    wait_until(lambda: running.watcher.retained.get("gateway/status") == b"offline", 70, "offline")


def test_a_gateway_that_is_killed_at_random(running):
    dice = random.Random(4)
    for kill in range(KILLS):
        away = dice.choice(["none", "stopped", "frozen"])
        if away == "stopped":
            running.broker.stop()
        elif away == "frozen":
            running.broker.signal(signal.SIGSTOP)
        time.sleep(dice.uniform(0.2, 3))
        running.gateway.kill()
        running.gateway.start()
        if away == "stopped":
            running.broker.start()
        elif away == "frozen":
            running.broker.signal(signal.SIGCONT)
        wait_until(running.gateway.running, 5, f"start after kill {kill}")
    wait_for_news(running)
    assert_whole(running, 60)


def test_a_gateway_that_ends_orderly_and_comes_back(running):
    assert running.gateway.stop(6) == 0
    running.gateway.start()
    wait_for_news(running)
    assert_whole(running)


def test_order_is_kept_while_the_broker_is_frozen(running):
    running.broker.signal(signal.SIGSTOP)
    pass_time(running, 5)
    running.broker.signal(signal.SIGCONT)
    wait_for_news(running)
    assert_in_order(running)
