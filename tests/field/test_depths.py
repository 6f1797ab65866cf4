# SPDX-License-Identifier: Apache-2.0
"""Probes that measure one thing at several places: each is told apart wherever values go."""
import json
import socket

from probe import Registers, device

FIELDS = """
fields:
  - { metric: soil_moisture, depth: 20cm, register: 0, scale: 0.1 }
  - { metric: soil_moisture, depth: 0.4m, register: 1, scale: 0.1 }
  - { metric: voltage, at: l1, register: 2, scale: 0.1 }
  - { metric: voltage, at: l2, register: 3, scale: 0.1 }
"""
NAMES = {"soil_moisture_20cm": 31.5, "soil_moisture_40cm": 28.2, "voltage_l1": 230.1,
         "voltage_l2": 228.9}


def test_depths_and_phases_have_names_of_their_own(farm):
    line = farm.line(Registers({0: 315, 1: 282, 2: 2301, 3: 2289}))
    farm.profile(FIELDS)
    farm.start(line.bus(device()), plots=[{"name": "upper", "devices": ["probe"],
                                           "soil": "loam"}])
    farm.wait(4)
    assert farm.readings()[-1]["values"] == NAMES
    for name, value in NAMES.items():
        assert float(farm.retained(f"dev/probe/v/{name}")) == value
    metrics = json.loads(farm.retained("site"))["metrics"]
    assert (metrics["soil_moisture_20cm"]["unit"], metrics["voltage_l2"]["unit"]) == ("%", "V")
    assert metrics["soil_moisture_40cm"]["max"] == 100  # as plausible as the plain one
    times = [reading["ts"] for reading in farm.readings()]
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect(str(farm.site.folder / "baiyed.sock"))
        for plot in ({"device": "probe"}, {"plot": "upper"}):
            control.sendall(json.dumps({"id": 1, "method": "history", "params": {
                **plot, "metric": "soil_moisture_40cm", "step": "raw", "from": times[0],
                "to": times[-1] + 1}}).encode() + b"\n")
            answer = json.loads(control.makefile().readline())["result"]
            assert answer["mean"] and set(answer["mean"]) == {28.2}
