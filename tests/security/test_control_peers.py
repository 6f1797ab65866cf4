# SPDX-License-Identifier: Apache-2.0
"""The control socket asks who its peer is, whatever its mode has become."""
import json
import os
import subprocess
import sys

import pytest

from test_control import Control
from test_http import broker, folder, gateway  # noqa: F401

ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
s.sendall(b'{"id":1,"method":"pause","params":{"bus":"east","seconds":5}}\\n')
print(s.makefile().readline())
"""
STRANGER = {"user": 65534, "group": 65534, "extra_groups": []}


def ask(path, **who):
    """What a process of another user hears; the path is opened for it."""
    link = f"/tmp/baiye-control-{os.getpid()}.sock"
    os.link(path, link) if not os.path.exists(link) else None
    os.chmod(link, 0o777)
    try:
        return subprocess.run([sys.executable, "-c", ASK, link], capture_output=True, text=True,
                              timeout=120, **who)
    finally:
        os.unlink(link)


@pytest.mark.parametrize("who", [STRANGER, dict(STRANGER, extra_groups=[65533, 12])])
def test_a_stranger_is_refused_by_an_open_socket_too(gateway, folder, who):  # noqa: F811
    assert os.geteuid() == 0, "made for root, as tools/test runs"
    told = ask(folder / "control.sock", **who)
    assert not told.stdout or json.loads(told.stdout)["error"]["code"] == "forbidden"
    assert "ok" not in told.stdout
    control = Control(folder)
    assert control.call("audits", limit=10)["result"]["audits"] == []
    control.close()
    assert "refused" in gateway.log_path.read_text()


@pytest.mark.parametrize("who", [{}, {"user": 65534, "group": os.getegid(), "extra_groups": []},
                                 dict(STRANGER, extra_groups=[12, os.getegid()])])
def test_root_and_the_group_are_let_in(gateway, folder, who):  # noqa: F811
    assert json.loads(ask(folder / "control.sock", **who).stdout)["result"]["ok"] is True


def test_refused_ones_take_no_place(gateway, folder):  # noqa: F811
    for _ in range(20):
        ask(folder / "control.sock", **STRANGER)
    control = Control(folder)
    assert control.call("time")["result"]["ts"]
    control.close()
