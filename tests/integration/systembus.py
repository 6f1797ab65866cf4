# SPDX-License-Identifier: Apache-2.0
"""A system bus of a test's own, and a mock of ModemManager on it."""
import os
import pathlib

import pytest
from garden import Process, listens, wait_until

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>
"""


@pytest.fixture
def system_bus(site):
    """A bus of its own in place of the system's; the gateway that is started finds it."""
    path, config = site.folder / "bus", site.folder / "bus.conf"
    config.write_text(BUS.format(path=path))
    bus = site.add(Process(site.folder, "bus", ["dbus-daemon", "--nofork", "--config-file", config]))
    bus.start()
    wait_until(lambda: listens(path), 10, "the bus")
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={path}"
    yield bus
    del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]


def start_modem(site):
    file = site.folder / "sms"
    modem = site.add(Process(site.folder, "modem", [
        "/usr/bin/python3", pathlib.Path(__file__).with_name("modem.py"), file]))
    modem.start()
    wait_until(lambda: "ready" in modem.log(), 20, "the modem")
    return file
