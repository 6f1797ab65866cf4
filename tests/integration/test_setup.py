# SPDX-License-Identifier: Apache-2.0
"""tools/setup takes nothing away from the machine that it is run on: apt itself decides, by package
lists and by a list of installed packages that are this test's."""
import os
import subprocess

import pytest

import garden

SETUP = garden.ROOT / "tools/setup"
APT = """Dir::State "{0}/state"; Dir::State::status "{0}/dpkg/status"; Dir::Cache "{0}/cache";
Dir::Etc "{0}"; Dir::Log "{0}"; Dir::Bin::dpkg "/bin/false"; APT::Sandbox::User "root";
APT::Architecture "amd64"; APT::Architectures "amd64"; Debug::NoLocking "true";
"""


@pytest.fixture
def run(tmp_path):
    """setup on a machine that has an older C library and nothing else. `more`: a field of the package
    libc6-dev that the lists offer."""
    for folder in "state/lists/partial", "cache/archives/partial", "dpkg", "list", "bin", "apt.conf.d":
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dpkg/status").write_text(
        "Package: libc6-dev-of-before\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
        "Maintainer: x\nDescription: x\n")
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/list ./\n")
    (tmp_path / "apt.conf").write_text(APT.format(tmp_path))
    sudo = tmp_path / "bin/sudo"  # whatever goes wrong here, it is not this machine's
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    names = [line for line in (garden.ROOT / "tools/packages.txt").read_text().split("\n")
             if line and line[0] != "#"] + ["nodejs", "npm"]

    def with_field(more):
        (tmp_path / "list/Packages").write_text("\n".join(
            f"Package: {name}\nArchitecture: amd64\nVersion: 2\nFilename: ./{name}.deb\nSize: 9\n"
            f"SHA256: {'0' * 64}\n{more if name == 'libc6-dev' else ''}" for name in names))
        return subprocess.run([SETUP], capture_output=True, text=True, timeout=120, env={
            **os.environ, "APT_CONFIG": f"{tmp_path}/apt.conf", "DPKG_ADMINDIR": f"{tmp_path}/dpkg",
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    return with_field


def test_what_would_take_a_package_away_is_refused_and_named(run):
    done = run("Conflicts: libc6-dev-of-before\n")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "setup: refused: apt would remove libc6-dev-of-before" in done.stderr
    assert "apt-get upgrade" in done.stderr
    assert "libc6-dev.deb" not in done.stdout + done.stderr, "nothing is fetched"


def test_what_takes_nothing_away_is_installed(run):
    """As far as there is something: the lists' packages are nowhere."""
    done = run("")
    assert done.returncode == 100 and "refused" not in done.stderr, done.stdout + done.stderr
    assert "libc6-dev.deb" in done.stdout + done.stderr
