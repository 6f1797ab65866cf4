# SPDX-License-Identifier: Apache-2.0
"""`baiye forecast replay`: past seasons of a plot as CSV, what would have been said, the scores."""
import datetime
import math
import subprocess

import pytest

import garden

HEADER = "time,air_temperature,air_humidity,kg,pickers,booked"


def season(year, warmer=0.0, picks=range(96, 118)):
    """Hours of a spring and a pick every second day by six to nine pickers, 2 kg each and a bit."""
    lines, start = [], datetime.datetime(year, 1, 1)
    for hour in range(130 * 24):
        time = start + datetime.timedelta(hours=hour)
        air = 3 + warmer + 0.13 * hour / 24 + 4 * math.sin((hour % 24 - 9) / 24 * 2 * math.pi)
        lines.append(f"{time:%Y-%m-%dT%H:%M},{air:.1f},80,,,")
    for n, day in enumerate(picks):
        date = start + datetime.timedelta(days=day)
        crew = 6 + n % 4
        if n % 2 == 0:
            lines.append(f"{date:%Y-%m-%d},,,{crew * (2 + n % 3 * 0.2):.1f},{crew},{crew}")
    return lines


def run(*arguments):
    return subprocess.run([garden.program("baiye"), "forecast", *map(str, arguments)], text=True,
                          capture_output=True, timeout=120)


def replay(tmp_path, lines, *options):
    path = tmp_path / "past.csv"
    path.write_text("\n".join(lines) + "\n")
    return run("replay", *options, path)


def test_two_seasons_are_said_again_and_scored(tmp_path, needs):
    needs("baiye")
    done = replay(tmp_path, [HEADER, *season(2026, 1), *season(2025)], "--area", "2mu")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("season ")[1:]
    assert first.startswith("2025") and second.startswith("2026"), "in order, whatever the file's"
    for said in (first, second):
        assert "opening seen on 0" in said and "first pick on 04-07" in said
        assert "the best rule" in said and "skill" in said
        picks = [line.split() for line in said.splitlines() if line[:4] in ("2025", "2026")
                 and len(line.split()) == 6]
        assert len(picks) == 11
        judged = [float(row[4]) for row in picks[1:]]
        assert f"right within {sum(judged) / len(judged) / 4:.1f} kg on " in said
        for _, low, middle, high, picked, crew in picks[1:]:
            assert float(low) < float(middle) < float(high)
            assert abs(float(middle) / float(picked) - 1) < 0.5, "2.0 to 2.4 kg a picker"
    again = replay(tmp_path, [HEADER, *season(2026, 1), *season(2025)], "--area", "2mu")
    assert again.stdout == done.stdout


def test_what_was_picked_later_changes_no_evening_before(tmp_path, needs):
    needs("baiye")
    whole = replay(tmp_path, [HEADER, *season(2025)]).stdout.splitlines()
    part = replay(tmp_path, [HEADER, *season(2025, picks=range(96, 105))]).stdout.splitlines()
    picks = [line for line in part if line.startswith("2025-")]
    assert len(picks) == 5 and picks == [line for line in whole if line.startswith("2025-")][:5]


def test_a_count_of_shoots_says_how_much_is_ready_for_a_week(tmp_path, needs):
    needs("baiye")

    def counted(shoots, *options):
        count = [f"2025-04-10,,,,,,{shoots},2"]
        out = replay(tmp_path, [HEADER + ",shoots,frames", *season(2025), *count], *options)
        assert out.returncode == 0, out.stderr
        rows = [line.split() for line in out.stdout.splitlines() if line.startswith("2025-")]
        return {row[0]: [float(x) for x in row[6].split("-")] for row in rows if len(row) > 6}
    few, many = counted(5, "--area", "2mu"), counted(25, "--area", "2mu")
    assert list(few) == ["2025-04-11", "2025-04-13", "2025-04-15", "2025-04-17"], \
        "on the evenings from the count on, eight of them"
    assert all(low < high for low, high in few.values())
    assert many["2025-04-11"][0] > 1.5 * few["2025-04-11"][0]
    assert not counted(25), "without an area nobody knows of how much ground"


@pytest.mark.parametrize("lines, says", [
    ([HEADER, "2025-13-01,1,,,,"], ":2: time: no date"),
    ([HEADER, "2025-01-01T05:00,cold,,,,"], ':2: air_temperature: "cold" is no number'),
    (["day,kg", "2025-04-01,3"], ":1: no columns time and air_temperature"),
    ([HEADER], ":1: no day of a season"),
    ([HEADER, "2025-01-01T05:00,1" + "," * 1200], ":2: a line of more"),
])
def test_a_wrong_file_is_refused_with_its_line(tmp_path, needs, lines, says):
    needs("baiye")
    done = replay(tmp_path, lines)
    assert done.returncode == 65 and says in done.stderr and not done.stdout


def test_it_says_how_it_is_used(needs):
    needs("baiye")
    assert run("--help").returncode == 0
    assert run().returncode == 64
    assert run("replay", "--area", "much", "x.csv").returncode == 64
    assert run("replay", "/nowhere/past.csv").returncode == 65
