# SPDX-License-Identifier: Apache-2.0
"""A gateway that does not know the time: live values say so, readings wait until it is known."""
import garden
from gateway import Gateway, wait_all


def test_readings_wait_until_the_time_is_known(broker, gateways, watchers, tmp_path):
    broker.start()
    watcher = watchers(broker)
    synchronised = tmp_path / "synchronised"
    gateway = gateways(*Gateway.broker_arguments(broker),
                       environment={"BAIYE_CLOCK": str(synchronised)})
    gateway.wait_state("up")
    gateway.put(80)
    gateway.wait_stored(80)
    garden.wait_until(lambda: len(watcher.live) == 8, 10, "live values do not wait")
    for live in watcher.live.values():
        assert set(live["flags"].values()) == {"clock"}, live
    assert not gateway.stats()["trusted"]
    assert watcher.count() == 0, "a reading went out under a time that nobody knows"
    synchronised.touch()
    wait_all(watcher, 80)
    assert all(reading["flags"] == {} and "gb" not in reading
               for reading in watcher.copy().values())
    gateway.put(8)
    wait_all(watcher, 88)


def test_what_waits_for_the_time_survives_a_power_cycle(broker, gateways, watchers, tmp_path):
    """Never known in that boot: sent all the same, flagged, under the gateway's boot count."""
    broker.start()
    watcher = watchers(broker)
    synchronised = tmp_path / "synchronised"
    gateway = gateways(*Gateway.broker_arguments(broker),
                       environment={"BAIYE_CLOCK": str(synchronised)})
    gateway.put(80)
    gateway.wait_stored(80)
    boot = gateway.boot
    gateway.kill()
    synchronised.touch()
    gateway.start()
    wait_all(watcher, 80)
    for reading in watcher.copy().values():
        assert reading["gb"] == boot and set(reading["flags"].values()) == {"clock"}
