# SPDX-License-Identifier: Apache-2.0
"""What the papers promise is said in full, and is so."""
import datetime
import ipaddress
import os
import pathlib
import re
import subprocess

import pytest

from garden import program, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def day(text):
    return datetime.datetime.strptime(text, "%d %B %Y").date()


def test_the_support_period_of_this_version_is_a_date():
    """For each version that was released: until when faults of security are mended, five years and
    more from its release."""
    rows = re.findall(r"^\| ([0-9.]+) \| (\d+ \w+ \d+) \| (\d+ \w+ \d+) \|$",
                      (ROOT / "SECURITY.md").read_text(), re.M)
    periods = {version: (day(released), day(until)) for version, released, until in rows}
    changelog = (ROOT / "gateway/packaging/debian/changelog").read_text()
    releases = re.findall(r"^baiye \(([0-9]+\.[0-9]+)[0-9.]*\)", changelog, re.M)
    dates = re.findall(r"^ -- .*?, +(\d+ \w+ \d+) ", changelog, re.M)
    assert releases and set(releases) == set(periods)
    for version, date in zip(releases, dates):
        released, until = periods[version]
        first = datetime.datetime.strptime(date, "%d %b %Y").date()
        assert released <= first
        assert until >= released.replace(year=released.year + 5)


def test_it_is_said_how_a_fault_is_reported_and_what_then():
    said = (ROOT / "SECURITY.md").read_text().split("## Reporting a fault")[1].split("\n## ")[0]
    assert "private" in said and "days after the report" in said and "mended first" in said


def test_who_gets_to_know_something_is_said_in_both_languages():
    """Every service by which alerts go to people, and all else that a farm can have something sent to."""
    english, chinese = (ROOT / "docs/PRIVACY.md").read_text().split("## 中文")
    services = (ROOT / "gateway/daemon/config/ways.c").read_text()
    kinds = re.findall(r'\[WAY_\w+\] = \{"(\w+)"', services)
    assert len(kinds) >= 8
    for name in [*(kind for kind in kinds if kind != "output"), "mqtt:", "notify:", "baiye remote",
                 "/etc/baiye/upgrade", "baiye wipe", "baiye user remove", "baiye audit"]:
        assert f"`{name}`" in english and f"`{name}`" in chinese, name


def needed(name):
    """The libraries that a program asks for by name, and where they come from."""
    told = subprocess.run(["readelf", "-d", program(name)], capture_output=True, text=True, check=True)
    paths = dict(re.findall(r"^\s*(\S+) => (\S+)", subprocess.run(
        ["ldd", program(name)], capture_output=True, text=True, check=True).stdout, re.M))
    return {library: os.path.realpath(paths[library])
            for library in re.findall(r"NEEDED.*\[(.*)\]", told.stdout) if library in paths}


def package_of(path):
    for name in (path, path.removeprefix("/usr")):  # /lib is a link to /usr/lib
        told = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            return told.stdout.split(":")[0]
    return None


def test_cryptography_is_the_distributions_own_and_comes_with_its_updates():
    libraries = needed("baiyed")
    for name in ("libssl.so.3", "libcrypto.so.3"):
        assert package_of(libraries[name]) == "libssl3", name


def test_each_library_of_the_gateway_has_its_reason():
    table = (ROOT / "README.md").read_text().split("### What it stands on")[1].split("\n## ")[0].lower()
    names = {"libssl": "openssl", "libcrypto": "openssl", "libz": "zlib", "libsqlite3": "sqlite",
             "libyaml-0": "libyaml", "libpng16": "libpng", "libpaho-mqtt3as": "paho mqtt c"}
    system = {"libc", "libm", "libgcc_s", "libasan", "libubsan", "libpthread"}
    for name in ("baiyed", "baiye", "baiye-led"):
        for library in {library.split(".so")[0] for library in needed(name)} - system:
            word = names.get(library, library.removeprefix("lib"))
            assert word in table, f"{name}: {library}"


def looked_at(folder, look):
    """Of each that is still there: processes, threads and sockets end meanwhile."""
    for entry in os.listdir(folder):
        try:
            yield look(f"{folder}/{entry}")
        except (FileNotFoundError, ProcessLookupError):
            pass


def children_of(pid):
    return [int(child) for children in looked_at(
        f"/proc/{pid}/task", lambda task: pathlib.Path(f"{task}/children").read_text())
        for child in children.split()]


def spoken_to(pid):
    """The addresses to which sockets of a process go, by the kernel's tables."""
    inodes = {re.sub(r"^socket:\[(\d+)\]$", r"\1", link)
              for link in looked_at(f"/proc/{pid}/fd", os.readlink)}
    for kind in ("tcp", "udp", "tcp6", "udp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            there, port = fields[2].split(":")
            if fields[9] not in inodes or int(port, 16) == 0:
                continue
            words = [bytes.fromhex(there[i:i + 8])[::-1] for i in range(0, len(there), 8)]
            yield ipaddress.ip_address(b"".join(words))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into all of its processes")
def test_a_gateway_speaks_to_nobody_whom_its_file_does_not_name(site, needs):
    needs("baiye-field", "baiyed")
    site.start_broker()
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air"}]}])
    site.start_watcher()
    site.start_gateway()
    seen = set()

    def readings():
        daemon = site.gateway.child.pid
        for pid in (daemon, *children_of(daemon)):
            seen.update(spoken_to(pid))
        return site.watcher.count("air") >= 5
    wait_until(readings, 30, "readings")
    assert ipaddress.ip_address("127.0.0.1") in seen, "the broker of its file"
    assert all(address.is_loopback for address in seen), seen
