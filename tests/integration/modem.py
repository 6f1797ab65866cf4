# SPDX-License-Identifier: Apache-2.0
"""A mock of ModemManager on a bus of its own: `modem.py FILE [refuse]`. It notes each message that is sent
as a line of JSON in FILE; a name of an error in FILE.error is answered instead."""
import json
import pathlib
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

MANAGER = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
MODEM = f"{ROOT}/Modem/3"


class Refused(dbus.DBusException):
    def __init__(self, name):
        super().__init__("the mock refuses")
        self._dbus_error_name = name


def refuse(file):
    error = pathlib.Path(f"{file}.error")
    if error.exists():
        raise Refused(error.read_text().strip())


class Root(dbus.service.Object):
    @dbus.service.method("org.freedesktop.DBus.ObjectManager", out_signature="a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        none = dbus.Dictionary({}, signature="sv")
        heard = dbus.Dictionary({"SignalQuality": dbus.Struct((dbus.UInt32(72), dbus.Boolean(True))),
                                 "AccessTechnologies": dbus.UInt32(1 << 14),
                                 "State": dbus.Int32(11)}, signature="sv")
        network = dbus.Dictionary({"OperatorName": "<Tea> Mobile"}, signature="sv")
        return {dbus.ObjectPath(f"{ROOT}/Modem/1"): {f"{MANAGER}.Modem": none},
                dbus.ObjectPath(MODEM): {f"{MANAGER}.Modem": heard, f"{MANAGER}.Modem.Modem3gpp": network,
                                         f"{MANAGER}.Modem.Messaging": none}}


class Sms(dbus.service.Object):
    def __init__(self, bus, number, properties, file):
        super().__init__(bus, f"{ROOT}/SMS/{number}")
        self.properties, self.file = properties, file

    @dbus.service.method(f"{MANAGER}.Sms")
    def Send(self):
        refuse(self.file)
        with open(self.file, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({key: str(value) for key, value in self.properties.items()}) + "\n")


class Modem(dbus.service.Object):
    def __init__(self, bus, file):
        super().__init__(bus, MODEM)
        self.bus, self.file, self.messages = bus, file, []

    @dbus.service.method(f"{MANAGER}.Modem.Messaging", in_signature="a{sv}", out_signature="o")
    def Create(self, properties):
        self.messages.append(Sms(self.bus, len(self.messages), properties, self.file))
        return dbus.ObjectPath(f"{ROOT}/SMS/{len(self.messages) - 1}")


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    name = dbus.service.BusName(MANAGER, bus)
    parts = [Root(bus, ROOT), Modem(bus, sys.argv[1]), name]
    print("ready", flush=True)
    GLib.MainLoop().run()
    del parts


if __name__ == "__main__":
    main()
