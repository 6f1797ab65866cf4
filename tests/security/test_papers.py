# SPDX-License-Identifier: Apache-2.0
"""What the papers promise is said in full."""
import datetime
import pathlib
import re

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
