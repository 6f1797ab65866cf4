# SPDX-License-Identifier: Apache-2.0
"""Links that are slow, stand still, or forget connections: everything arrives once they let it, the
newest values first, and no more is under way than the window."""
import time

import garden
import pytest
from gateway import Gateway, assert_in_order, wait_all
from proxy import Proxy


@pytest.fixture
def proxies():
    made = []

    def make(*arguments, **more):
        made.append(Proxy(*arguments, **more))
        return made[-1]

    yield make
    for proxy in made:
        proxy.stop()


def by_way_of(proxy, broker):
    return ["--broker", proxy.port, *Gateway.broker_arguments(broker)[2:]]


@pytest.mark.parametrize("link, count, age_ms", [
    ({"rate": 8000, "latency_s": 0.15}, 4000, 2000),
    ({"rate": 8000, "latency_s": 0.5, "stalls": (3.0, 2.0)}, 1200, 6000),
], ids=["64 kbit/s", "64 kbit/s, a second's round trip, stalls"])
def test_a_slow_link_carries_the_newest_first_and_then_all(link, count, age_ms, broker, gateways,
                                                           watchers, proxies):
    """Live values would fill the link: they are thinned to what passes, and the backlog has its
    share."""
    broker.start()
    watcher = watchers(broker)
    gateway = gateways("--broker", garden.free_port())  # nobody is there: a backlog
    gateway.put(count)
    gateway.wait_stored(count)
    assert gateway.quit() == 0
    proxy = proxies(broker.port, **link)
    gateway.arguments[3:] = [str(a) for a in (*by_way_of(proxy, broker), "--no-panel", "--deflate",
                                              "--rate", 8)]
    gateway.start()
    began = time.monotonic()
    gateway.wait_state("up")
    garden.wait_until(lambda: len(watcher.live) == 8, 10, "live values of all devices")
    assert watcher.count() < count, "the newest came after the backlog"
    ages, seen = [], {}

    def drained():
        with watcher.lock:
            live = dict(watcher.live)
        for device, value in live.items():
            if seen.get(device) != value["seq"]:
                seen[device] = value["seq"]
                ages.append(time.time() * 1000 - value["ts"])
        return watcher.count() >= count

    garden.wait_until(drained, 90, "the backlog arrives")
    ages.sort()
    drained_s = time.monotonic() - began
    print(f"drained {count / drained_s:.0f} readings/s, {proxy.bytes} bytes, "
          f"live p50 {ages[len(ages) // 2]:.0f} ms, p95 {ages[int(len(ages) * 0.95)]:.0f} ms")
    # In the order of the backlog most would be as old as half of that; all of it is slower on a busy machine.
    assert ages[len(ages) // 2] < max(age_ms, drained_s * 100), ages[-10:]
    gateway.ask("rate 0")
    taken = count + gateway.stats()["taken"]
    wait_all(watcher, taken)
    assert_in_order(watcher)
    assert gateway.stats()["brokers"][0]["connects"] == 1 and watcher.duplicates == 0


def test_a_translator_that_forgets_idle_connections_is_kept_awake(broker, gateways, watchers,
                                                                  proxies):
    broker.start()
    watcher = watchers(broker)
    proxy = proxies(broker.port, idle_s=8)
    gateway = gateways(*by_way_of(proxy, broker), "--keepalive", 2)
    gateway.put(80)
    wait_all(watcher, 80)
    time.sleep(60 if garden.FULL else 17)  # nothing to say, for more than twice what it remembers
    gateway.put(8)
    wait_all(watcher, 88)
    assert proxy.forgotten == 0
    late = gateway.log().count("connecting anew")  # an acknowledgement: no machine is that slow for long
    assert gateway.stats()["brokers"][0]["connects"] == 1 + late


def test_a_connection_that_was_forgotten_is_found_out(broker, gateways, watchers, proxies):
    """Bytes vanish and nobody says so: found by the age of what is not acknowledged."""
    broker.start()
    watcher = watchers(broker)
    proxy = proxies(broker.port, idle_s=1.5)
    gateway = gateways(*by_way_of(proxy, broker), "--keepalive", 4, "--no-panel")
    gateway.put(80)
    wait_all(watcher, 80)
    garden.wait_until(lambda: time.monotonic() - proxy.passed_at > 1.7, 20, "it is idle for so long")
    gateway.put(80)
    wait_all(watcher, 160, 4 * 2.6 + 5)
    assert proxy.forgotten >= 1
    garden.wait_until(lambda: gateway.stats()["brokers"][0]["connects"] >= 2, 3, "counted")
    assert_in_order(watcher)
