# SPDX-License-Identifier: Apache-2.0
"""A gateway takes its next version from the county's repository, and goes back by itself: with real
reprepro, apt and dpkg, in a throw-away copy of this machine. The package is a small one of the same
name, whose gateway is a shell script that does, or does not, work; systemctl notes what it is told."""
import os
import pathlib
import subprocess

import pytest

import garden
from test_package import Machine

pytestmark = pytest.mark.xdist_group("upgrade")

HELPER = garden.ROOT / "gateway/packaging/baiye-upgrade"
REPO = garden.ROOT / "gateway/county/packaging/baiye-county-repo"
FULL = os.environ.get("BAIYE_FULL") == "1"
UNDO = "/etc/systemd/system/baiye-upgrade-undo.timer"
WANTED = "/etc/systemd/system/timers.target.wants/baiye-upgrade-undo.timer"
STATE = "/var/lib/baiye-upgrade"
GATEWAY = """#!/bin/sh
[ "$1" = upgrade-gate ] || exit 64
[ ! -e /root/unwell ] || {{ echo "it is not ready: store"; exit 75; }}
[ "$2" = {version} ] && {verdict}
"""
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/root/systemctl.log
wants=/etc/systemd/system/timers.target.wants
case "$*" in
*disable*baiye-upgrade-undo.timer) rm -f $wants/baiye-upgrade-undo.timer ;;
*enable*baiye-upgrade-undo.timer) mkdir -p $wants && ln -sf ../baiye-upgrade-undo.timer $wants/ ;;
esac
exit 0
"""
# Ends everything of the helper's, itself too, when so many commands have been begun.
COUNTER = """#!/bin/sh
n=$(($(/bin/cat /root/count) + 1))
echo $n >/root/count
[ $n != "$(/bin/cat /root/end-at)" ] || {{ kill -9 -1; kill -9 $$; }}
exec {path} "$@"
"""
COUNTED = ("apt-get", "apt-cache", "dpkg", "dpkg-deb", "dpkg-query", "mv", "cp", "sync", "rm", "sed")


def package(folder, version, works=True, postinst="exit 0"):
    """A package of the gateway's name."""
    tree = folder / f"tree-{version}"
    for path, text, mode in (
            ("DEBIAN/control", f"Package: baiye\nVersion: {version}\nArchitecture: all\nSection: net\n"
             "Priority: optional\nMaintainer: Nobody <root@localhost>\nDescription: a gateway\n", 0o644),
            ("DEBIAN/postinst", f"#!/bin/sh\nls {UNDO} >/root/armed-{version} 2>&1\n{postinst}\n", 0o755),
            ("usr/bin/baiye", GATEWAY.format(version=version, verdict="echo ok" if works else
                                             "echo no broker has acknowledged what it sent"), 0o755),
            ("usr/share/baiye/version", f"{version}\n", 0o644),
            (f"usr/share/baiye/only-{version}", "", 0o644),
            ("lib/systemd/system/baiye-there.service", "", 0o644),  # /lib is a link here
            ("usr/lib/baiye/upgrade", HELPER.read_text() if works else "exit 1\n", 0o755)):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(mode)
    made = folder / f"baiye_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made], check=True,
                   stdout=subprocess.DEVNULL)
    return made


class Box:
    """A gateway with version 1.0 and a county's repository, both in one copy of this machine."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "machine").mkdir()
        self.machine = Machine(folder / "machine")
        self.root = pathlib.Path(folder / "machine/root")
        self.run("rm -rf /var/lib/apt/lists/* /etc/apt/sources.list* /etc/apt/preferences.d/* && "
                 "mkdir -p /run/systemd/system /etc/baiye /var/lib/baiye /etc/systemd/system && "
                 "dpkg --force-depends --purge baiye >/dev/null 2>&1; true")
        # APT does not phase updates in what it takes for a chroot.
        self.run("ln -sf /bin/false /usr/bin/ischroot")
        self.write("/usr/local/sbin/systemctl", SYSTEMCTL)
        self.run(f"cp {REPO} /usr/local/sbin/ && chmod 755 /usr/local/sbin/*")
        self.county("init file:/var/lib/baiye-repository/public")
        self.run("baiye-county-repo join canary | sh")
        self.run(f"dpkg -i {package(folder, '1.0')}")

    def run(self, command, code=0):
        return self.machine.run(command, code)

    def write(self, path, text):
        """Through the namespace's own root, where the overlay is mounted."""
        subprocess.run([*self.machine.enter, "tee", path], input=text, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def county(self, words, code=0):
        return self.run(f"baiye-county-repo {words} 2>&1", code)

    def offer(self, version, **how):
        self.county(f"add {package(self.folder, version, **how)}")

    def upgrade(self, what="run"):
        """As the service would: it may be gone from the package by now."""
        return self.run(f"sh -c 'h={STATE}/helper; [ {what} = run ] && h=/usr/lib/baiye/upgrade; sh $h {what}' 2>&1")

    def order(self, words):
        self.write("/var/lib/baiye/upgrade.order", words + "\n")

    def time_passes(self):
        self.run(f"read b s n <{STATE}/clock && echo $b $((s - 1000)) $n >{STATE}/clock")

    def value(self, key):
        return self.run(f"sed -n 's/^{key} //p' {STATE}/state").strip()

    def version(self):
        """Of what is installed whole, and what its files are."""
        listed = self.run("dpkg-query -W -f '${db:Status-Abbrev}${Version}' baiye; echo; cd /usr/share/baiye; "
                          "cat version; echo only-*").splitlines()
        assert listed[0] == f"ii {listed[1]}" and listed[2] == f"only-{listed[1]}", listed
        assert self.run("dpkg --audit; dpkg --verify baiye; ls /lib/systemd/system/baiye-there.service") == (
            "/lib/systemd/system/baiye-there.service\n")
        return listed[1]

    def armed(self):
        return self.run(f"ls -d {UNDO} {WANTED} 2>/dev/null; true") != ""


@pytest.fixture
def box(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can install a package")
    made = Box(tmp_path)
    yield made
    made.machine.close()


def test_a_version_that_works_stays(box):
    box.upgrade()
    assert box.value("state") == "current", "the repository has none yet"
    box.offer("1.1")
    box.upgrade()
    assert box.value("state") == "trying" and box.armed() and box.version() == "1.1"
    assert UNDO in box.run("cat /root/armed-1.1"), "armed before it was installed"
    # What is kept is the package that was installed.
    def names(deb):
        return sorted(line.split()[-1] for line in box.run(f"dpkg-deb -c {deb}").splitlines())
    old = box.folder / "baiye_1.0_all.deb"
    assert names(f"{STATE}/old.deb") == names(old)
    assert box.run(f"dpkg-deb -I {STATE}/old.deb postinst") == box.run(f"dpkg-deb -I {old} postinst")
    assert "start baiye-upgrade-undo.timer" in box.run("cat /root/systemctl.log")
    box.upgrade("look")
    assert box.value("state") == "confirmed" and not box.armed() and box.version() == "1.1"
    box.upgrade()
    assert box.value("state") == "current"


def test_each_day_where_the_farm_takes_part_and_never_else(box):
    assert "OnCalendar=daily" in HELPER.with_suffix(".timer").read_text()
    box.offer("1.1")
    box.run("mv /etc/baiye/upgrade/url /root/url")
    assert box.upgrade() == "" and box.version() == "1.0" and not box.armed()
    box.run(f"! test -e {STATE}/state")
    box.run("mv /root/url /etc/baiye/upgrade/url")
    box.upgrade()
    assert box.version() == "1.1"


def test_one_that_is_never_acknowledged_is_undone(box):
    box.offer("1.1", works=False)
    box.upgrade()
    box.upgrade("look")
    assert box.value("state") == "trying" and box.version() == "1.1" and box.armed()
    # 15 minutes unless it is said otherwise, by a number.
    box.time_passes()
    for longer in ("3600", "86400"):
        box.write("/etc/baiye/upgrade/trial_s", longer + "\n")
        box.upgrade("look")
        assert box.value("state") == "trying"
    box.write("/etc/baiye/upgrade/trial_s", "1; rm -rf /root/x\n")
    box.upgrade("look")
    assert box.version() == "1.0" and not box.armed()
    assert box.value("state") == "undone"
    assert box.value("why") == "no broker has acknowledged what it sent"
    # It is not tried again, but by its number; and what came of it stands.
    box.upgrade()
    assert box.version() == "1.0" and box.value("state") == "undone"
    box.order("1.1 -")
    box.upgrade()
    assert box.version() == "1.1" and box.value("state") == "trying"
    # A version by which the machine starts anew again and again: as if it had had other boots.
    for _ in range(3):
        box.run(f"sed -i 's/^[^ ]*/another-boot/' {STATE}/clock")
        box.upgrade("look")
    assert box.version() == "1.0" and box.value("state") == "undone"
    # A newer one is tried by itself.
    box.offer("1.2")
    box.upgrade()
    box.upgrade("look")
    assert box.version() == "1.2" and box.value("state") == "confirmed"


def test_one_that_cannot_be_installed_is_undone_at_once(box):
    box.offer("1.1", postinst="exit 1")
    box.upgrade()
    assert box.version() == "1.0" and not box.armed()
    assert box.value("state") == "undone" and box.value("why").startswith("it can't be installed: ")


def test_nothing_is_begun_while_the_gateway_is_not_well(box):
    box.offer("1.1")
    box.run("touch /root/unwell")
    box.upgrade()
    assert box.version() == "1.0" and not box.armed()
    assert box.value("why") == "not now, the gateway is not well as it is: it is not ready: store"


def test_what_is_not_signed_by_the_county_is_refused(box):
    public = "/var/lib/baiye-repository/public"
    box.offer("1.1")
    # Another key.
    box.run("cp -a /etc/baiye-county/repository /root/county && rm -rf /etc/baiye-county/repository")
    box.county("init file:/var/lib/baiye-repository/public")
    box.upgrade()
    assert box.value("state") == "refused" and "signature" in box.value("why"), box.value("why")
    # None.
    box.run(f"cp -a {public} /root/public && rm {public}/dists/canary/InRelease {public}/dists/canary/Release.gpg")
    box.upgrade()
    assert box.value("state") == "refused" and "not signed" in box.value("why"), box.value("why")
    # The right one over another package.
    box.run("rm -rf /etc/baiye-county/repository && mv /root/county /etc/baiye-county/repository")
    box.county("phase canary 100")
    box.run(f"printf x >>{public}/pool/main/b/baiye/baiye_1.1_all.deb")
    box.upgrade()
    assert box.value("why") == "version 1.1 could not be fetched"
    assert box.version() == "1.0" and not box.armed()


def test_what_was_signed_long_ago_is_refused_until_it_is_signed_anew(box):
    """Who stands between can show a gateway an old state of the repository, but not for ever."""
    box.offer("1.1")
    canary = "/var/lib/baiye-repository/public/dists/canary"
    box.run(f"cd {canary} && sed -i 's/^Date: .*/Date: Thu, 01 Oct 2026 00:00:00 UTC/; "
            "s/^Valid-Until: .*/Valid-Until: Thu, 15 Oct 2026 00:00:00 UTC/' Release && "
            "gpg --homedir /etc/baiye-county/repository/gnupg --batch --yes --clearsign -o InRelease Release && "
            "rm Release.gpg && touch -d '2 days ago' InRelease")
    box.upgrade()
    assert box.version() == "1.0" and not box.armed()
    assert box.value("state") == "refused" and "expired" in box.value("why"), box.value("why")
    box.county("renew")
    box.upgrade()
    assert box.value("state") == "trying" and box.version() == "1.1"
    signed = f"cksum {canary}/InRelease"
    before = box.run(signed)
    box.county("renew")
    assert box.run(signed) == before, "once a day"


def test_an_older_version_is_refused_whatever_says_so(box):
    old = package(box.folder, "0.9")
    box.run("printf 'Package: baiye\\nPin: version 0.9\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/evil")
    box.county(f"add {old}")
    for words in ("- -", "0.9 -"):
        box.order(words)
        box.upgrade()
        assert box.version() == "1.0" and not box.armed()
    assert box.value("state") == "refused"


def test_an_order_is_two_words_and_nothing_else(box):
    box.offer("1.1")
    box.county("phase canary 0")
    secret = "/root/secret"
    box.write(secret, "stable secret\n")
    for junk in ("", "1.1", "1.1; touch /root/bad -", "$(touch /root/bad) canary", "- ../canary", "1.1 canary x",
                 "x" * 5000, "-o /root/bad"):
        box.order(junk)
        box.upgrade()
        assert box.value("why") == "an order that is none", junk
    box.run(f"ln -s {secret} /var/lib/baiye/upgrade.order")
    box.upgrade()
    box.run("mkfifo /var/lib/baiye/upgrade.order")
    box.upgrade()
    assert box.value("why") == "an order that is none"
    box.run(f"test ! -e /root/bad && test ! -e /var/lib/baiye/upgrade.order && test -e {secret} && "
            f"test ! -e {STATE}/suite")
    # The suite that it names stays.
    box.order("- early")
    box.upgrade()
    assert box.run(f"cat {STATE}/suite") == "early\n" and "early" in box.run(f"cat {STATE}/baiye.sources")


def test_a_version_comes_to_its_ring_and_no_further_than_said(box):
    """Suites, and APT's own phases: nobody at 0 %, all at 100 %, and at 40 % the same ones each time."""
    box.offer("1.1")
    assert "canary  1.1" in box.county("list")
    assert "database does not say" in box.county("promote early", code=1)
    box.county("promote early 40 --anyway")
    box.run("sed -i 's/canary/early/' /etc/baiye/upgrade/suite && touch /root/unwell")
    box.upgrade()
    ours = (f"apt-cache -o Dir::Etc::SourceList={STATE}/baiye.sources -o Dir::Etc::SourceParts=/dev/null "
            f"-o Dir::State::Lists={STATE}/lists -o Dir::Cache={STATE}/cache -o Dir::Etc::Preferences=/dev/null "
            "-o Dir::Etc::PreferencesParts=/dev/null -o APT::Get::Phase-Policy=1")
    taken = box.run(f"for i in $(seq 40); do {ours} -o APT::Machine-ID=$i policy baiye | grep Candidate; done")
    assert 4 <= taken.count("1.1") <= 30, taken
    box.county("hold early")
    box.run("rm /root/unwell")
    box.upgrade()
    assert box.version() == "1.0" and box.value("state") == "current"
    box.county("promote stable", code=1)
    box.county("phase early 100")
    box.upgrade()
    assert box.version() == "1.1" and box.value("state") == "trying"


def begun(box):
    """How many commands the helper, and dpkg's scripts, have begun."""
    return int(box.run("cat /root/count"))


def cut(box, what, at):
    """Runs the helper until its at-th command, and no further: 0 is to its end."""
    box.run(f"echo 0 >/root/count; echo {at} >/root/end-at")
    box.run("unshare -p --fork sh -c '"
            f"sh {'/usr/lib/baiye/upgrade' if what == 'run' else STATE + '/helper'} {what} >>/root/log 2>&1 & "
            "wait $!; exit 0'; echo 0 >/root/end-at")  # who was killed may have left a lower count


@pytest.mark.parametrize("works", [True, False])
def test_cut_off_at_any_step_one_of_both_versions_works(box, works):
    """kill -9 of the helper with all that it started; then the next look, as after a boot or by the
    timer, brings it to an end."""
    box.offer("1.1", works=works, postinst="dpkg --version >/dev/null; mv -T /root/none /root/none2 2>/dev/null; sync")
    old = box.folder / "baiye_1.0_all.deb"
    for name in COUNTED:
        path = box.run(f"PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v {name}").strip()
        box.write(f"/usr/local/sbin/{name}", COUNTER.format(path=path).replace("{{", "{").replace("}}", "}"))
        box.run(f"chmod 755 /usr/local/sbin/{name}")

    def again():
        box.run(f"echo 0 >/root/end-at; rm -rf {STATE} {UNDO} {WANTED}; "
                f"dpkg -i {old} >/dev/null 2>&1")

    def finish():
        if box.armed():
            box.upgrade("look")
            if box.value("state") == "trying":
                box.time_passes()
                box.upgrade("look")
        assert not box.armed()
        found = box.version()
        assert found in (("1.0", "1.1") if works else ("1.0",))
        assert box.run(f"baiye upgrade-gate {found}") == "ok\n"
        return found

    again()
    cut(box, "run", 0)
    steps = begun(box)
    assert steps > 20 and box.version() == "1.1"
    points = range(1, steps + 1) if FULL else range(steps // 5, steps + 1, max(1, steps // 4))
    ends = set()
    for at in points:
        again()
        cut(box, "run", at)
        ends.add(finish())
    assert "1.0" in ends
    # And while it goes back.
    if works:
        return
    again()
    cut(box, "run", 0)
    box.time_passes()
    box.run(f"cp -a {STATE} /root/trial")
    cut(box, "look", 0)
    steps = begun(box)
    for at in range(1, steps + 1) if FULL else range(2, steps + 1, max(1, steps // 2)):
        again()
        cut(box, "run", 0)
        box.time_passes()
        cut(box, "look", at)
        assert finish() == "1.0"
