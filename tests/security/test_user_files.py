# SPDX-License-Identifier: Apache-2.0
"""The files of the users stay whole whatever happens while they are changed."""
import concurrent.futures

from test_cli import baiye, site  # noqa: F401


def user(path, *arguments, code=0, stdin=""):
    return baiye("user", *arguments, "--config", path / "baiye.yaml", code=code, stdin=stdin)


def add(path, name, code=0):
    return user(path, "add", name, "--role", "farmer", "--password-file", "-", code=code,
                stdin="steep-hill-oolong-9\n")


def accounts(path):
    return [line.split(":")[0] for line in (path / "mosquitto.passwd").read_text().splitlines()]


def test_a_removal_that_fails_half_way_leaves_no_login(site):  # noqa: F811
    path, _ = site
    add(path, "uncle")
    (path / "users").rename(path / "aside")
    (path / "users").mkdir()
    user(path, "remove", "uncle", code=73)
    assert "uncle" not in accounts(path)
    (path / "users").rmdir()
    (path / "aside").rename(path / "users")
    user(path, "remove", "uncle")
    assert user(path, "list").stdout == "" and "user uncle" not in (path / "mosquitto.acl").read_text()
    user(path, "remove", "uncle", code=67)


def test_the_gateways_own_account_is_not_removed(site):  # noqa: F811
    path, _ = site
    user(path, "remove", "gateway", code=64)
    assert accounts(path) == ["gateway"]


def test_a_file_that_can_not_be_read_is_not_written_anew(site):  # noqa: F811
    """A damaged card gives an error in the middle of a file; what came before it is not all."""
    path, _ = site
    add(path, "uncle")
    for name in ("mosquitto.passwd", "users"):
        (path / name).rename(path / "aside")
        (path / name).symlink_to("/proc/self/mem")  # reading it is an input/output error
        assert name in add(path, "aunt", code=73).stderr
        assert (path / name).is_symlink()
        (path / name).unlink()
        (path / "aside").rename(path / name)
    (path / "users").rename(path / "aside")
    (path / "users").symlink_to("/proc/self/mem")
    assert "users" in user(path, "list", code=66).stderr


def test_many_at_once_lose_nobody(site):  # noqa: F811
    path, _ = site
    names = [f"picker-{i}" for i in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: add(path, name), names))
    assert sorted(accounts(path)) == sorted(["gateway", *names])
    assert sorted(user(path, "list").stdout.split()[::2]) == sorted(names)
    acl = (path / "mosquitto.acl").read_text()
    assert all(f"\nuser {name}\n" in acl for name in names)
