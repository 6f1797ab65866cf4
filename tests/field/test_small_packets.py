# SPDX-License-Identifier: Apache-2.0
"""A broker that takes small messages only: a document that is larger is left out, readings are not."""
import garden
from garden import wait_until

from probe import Registers, device


def test_a_document_that_is_too_large_costs_no_reading(farm):
    site = farm.site

    def start_broker():
        site.broker = garden.Broker(site.folder)
        config = site.folder / "mosquitto.conf"
        config.write_text(config.read_text() + "max_packet_size 1500\n")
        site.broker.start()
    site.start_broker = start_broker
    line = farm.line(Registers({0: 181}))
    farm.profile("fields:\n  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }\n")
    farm.start(line.bus(device(), *(device(f"tree-{i}", address=2 + i, every="60s")
                                for i in range(12))))
    farm.wait(20)
    wait_until(lambda: "left out" in farm.log(), 20, "it is told")
    connects = farm.stats()["brokers"][0]["connects"]
    farm.wait(len(farm.readings()) + 10)
    assert farm.stats()["brokers"][0]["connects"] == connects <= 2
    assert "site" not in site.watcher.retained
