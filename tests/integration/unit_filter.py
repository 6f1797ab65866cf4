# SPDX-License-Identifier: Apache-2.0
"""A program with no other system calls than its unit leaves it: the filter that systemd would make of
SystemCallFilter=, by the sets that systemd itself names.

usage: unit_filter.py UNIT PROGRAM [ARGUMENT…]"""
import ctypes
import errno
import os
import pathlib
import re
import subprocess
import sys

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "gateway/packaging"
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0)


def behind(unit):
    """What stands before a program's name on its command line."""
    return [sys.executable, str(pathlib.Path(__file__).resolve()), str(PACKAGING / unit)]


def sets():
    told = subprocess.run(["systemd-analyze", "syscall-filter"], check=True, capture_output=True, text=True).stdout
    found, names = {}, []
    for line in told.splitlines():
        if line.startswith("@"):
            names = found.setdefault(line.strip(), [])
        elif re.match(r" +\S+$", line):
            names.append(line.strip())
        elif line and line[0] not in " ":
            names = []  # those of no set
    return found


def calls(words, known):
    """Names of system calls: of each word, and of each set that it is."""
    for word in words:
        if word[0] == "@":
            yield from calls(known[word], known)
        else:
            yield word


def allowed(text):
    """As systemd.exec(5) has it: the first line is what is allowed, `~` takes away. It always allows
    @default."""
    known = sets()
    left = set(calls(["@default"], known))
    for value in re.findall(r"^SystemCallFilter=(.+)$", text, re.M):
        if value[0] == "~":
            left -= set(calls(value[1:].split(), known))
        else:
            left |= set(calls(value.split(), known))
    return left


def close(unit):
    """It holds for this process from now on, and for those that it starts."""
    text = pathlib.Path(unit).read_text(encoding="utf-8")
    number = getattr(errno, re.search(r"^SystemCallErrorNumber=(\w+)$", text, re.M)[1])
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(REFUSE | number)))
    for name in sorted(allowed(text)):
        call = seccomp.seccomp_syscall_resolve_name(name.encode())
        if call >= 0:  # below: another architecture's
            added = seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), ctypes.c_int(call), ctypes.c_uint(0))
            assert added == 0, f"{name}: {os.strerror(-added)}"
    loaded = seccomp.seccomp_load(context)
    assert loaded == 0, os.strerror(-loaded)


if __name__ == "__main__":
    close(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
