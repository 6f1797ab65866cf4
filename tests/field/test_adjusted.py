# SPDX-License-Identifier: Apache-2.0
"""A probe that was compared with a reference: its own scale and offset, and who said so."""
import json

from garden import wait_until

from probe import Registers, device

FIELDS = """
fields:
  - { metric: air_temperature, register: 0, type: s16, scale: 0.1 }
  - { metric: soil_moisture, register: 1, scale: 0.1 }
  - { metric: rainfall, role: counter, register: 2, scale: 0.2 }
"""


def test_a_device_has_its_own_scale_and_offset(farm):
    probe = Registers({0: 181, 1: 300, 2: 100})
    line = farm.line(probe)
    farm.profile(FIELDS)
    farm.start(line.bus(device(offset={"air_temperature": -0.45, "soil_moisture": 1},
                               scale={"soil_moisture": 1.05, "rainfall": 1.1},
                               adjusted={"on": "2027-03-01", "by": "林云"})))
    farm.wait(2)
    values = farm.readings()[-1]["values"]
    assert (values["air_temperature"], values["soil_moisture"]) == (17.65, 32.5)
    probe.values[2] = 105
    wait_until(lambda: 1.1 in farm.values("rainfall"), 10, "what fell, times 1.1")
    probe.values[1] = 960  # 100.8 + 1: more than there can be
    wait_until(lambda: farm.readings()[-1]["flags"].get("soil_moisture") == "range", 10, "range")
    site = json.loads(farm.retained("site"))
    assert site["devices"][0]["adjusted"] == {
        "on": "2027-03-01", "by": "林云",
        "metrics": {"air_temperature": {"scale": 1, "offset": -0.45},
                    "soil_moisture": {"scale": 1.05, "offset": 1},
                    "rainfall": {"scale": 1.1, "offset": 0}}}


def test_a_calibration_that_has_run_out_is_an_alert_and_a_flag(farm):
    line = farm.line(Registers({0: 181, 1: 300, 2: 100}))
    farm.profile(FIELDS)
    farm.start(line.bus(device(calibration_due={"air_temperature": "2020-02-29",
                                                "soil_moisture": "2199-12-31"})))
    farm.wait(2)
    reading = farm.readings()[-1]
    assert reading["values"]["air_temperature"] == 18.1
    assert reading["flags"] == {"air_temperature": "uncalibrated"}
    told = json.loads(farm.retained("site"))["devices"][0]
    assert told["calibration_due"] == {
        "air_temperature": "2020-02-29", "soil_moisture": "2199-12-31"}
    alert = json.loads(farm.retained(f"alert/calibration-{told['name']}"))
    assert "Air" in alert["what"] and "2020-02-29" in alert["zh"]["what"]


def test_check_says_what_is_wrong_with_it(farm):
    line = farm.line(Registers({0: 181, 1: 300, 2: 100}))
    farm.profile(FIELDS)
    said = farm.check(line.bus(device(offset={"air_temperature": -0.45})))
    assert "air_temperature is adjusted: times 1, plus -0.45" in said
    for wrong, says in (({"offset": {"air_temprature": 1}}, 'did you mean "air_temperature"?'),
                        ({"scale": {"soil_moisture": 0}}, "write for example 1.05"),
                        ({"offset": {"rainfall": 1}}, "an offset has no meaning"),
                        ({"offset": 1}, "offset: { air_temperature: -0.4 }"),
                        ({"adjusted": {"on": "1.3.27"}}, "on: 2027-03-01"),
                        ({"adjusted": {"by": "Lin"}}, "add offset or scale"),
                        ({"calibration_due": {"air_temperature": "2027-02-29"}},
                         "air_temperature: 2027-09-01"),
                        ({"calibration_due": {"soil_ph": "2027-02-28"}}, "does not measure"),
                        ({"calibration_due": "2027-02-28"}, "must name metrics"),
                        ({"profile": "baiye-node", "offset": {"air_temperature": 1}},
                         "baiye calibrate")):
        assert says in farm.check(line.bus(device(**wrong)), code=78), wrong
