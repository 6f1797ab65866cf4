# SPDX-License-Identifier: Apache-2.0
"""The manual that is shipped is made of what the programs say of themselves, and fits a terminal."""
import os
import re
import subprocess

import pytest

import garden
from screen_columns import columns

PACKAGING = garden.ROOT / "gateway/packaging"
BUILT = garden.BUILD / "gateway/packaging"
COUNTY = BUILT / "county/filled"
FILLED = {("baiye", "C"): BUILT / "filled/man1/baiye.1", ("baiye", "zh_CN.UTF-8"): BUILT / "filled/zh_CN/man1/baiye.1",
          **{(name, "C"): COUNTY / f"{name}.8" for name in ("baiye-county", "baiye-county-setup", "baiye-county-repo")}}
PAGES = [BUILT / "filled/man8/baiyed.8", BUILT / "filled/zh_CN/man8/baiyed.8",
         BUILT / "filled/man1/baiye-led.1", BUILT / "filled/man1/baiye-field.1",
         COUNTY / "baiye-ingest.8", COUNTY / "baiye-growers.8",
         COUNTY / "baiye-county-setup.8", COUNTY / "baiye-county-repo.8",
         PACKAGING / "man/baiye.yaml.5", PACKAGING / "man/baiye-profile.5"]


def program_file(name):
    script = garden.ROOT / "gateway/county/packaging" / name
    return script if script.exists() else garden.program(name)


def said(program, *words, language="C"):
    done = subprocess.run([program_file(program), *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "LC_ALL": language})
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def shown(page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "--no-hyphenation", "--no-justification", "-l", page],
                          capture_output=True, text=True, timeout=120, env={**os.environ, "MANWIDTH": "80"})
    # A name of a file with Chinese at both sides is broken before it.
    stderr = [line for line in done.stderr.splitlines() if "can't break line" not in line]
    assert done.returncode == 0 and stderr == [], stderr
    return done.stdout


def letters(text):
    return re.sub(r"\s|`|^(Usage: |用法：)", "", text, flags=re.M)


@pytest.mark.parametrize("program, language", FILLED)
def test_each_command_stands_in_the_manual_as_its_help_has_it(program, language):
    text = shown(FILLED[program, language])
    assert max(map(columns, text.splitlines())) <= 80
    page = letters(text)
    names = re.findall(r"^  ([a-z0-9]+) +\S", said(program, "--help"), re.M)
    assert len(names) > 6
    for name in names:
        text = said(program, "help", name, language=language).split("\n\n")[0]
        for line in text.splitlines():
            form = re.sub(rf"(?:Usage: |用法：| {{7}}){program} (?:CONFIG )?(?=[a-z])", "", line)
            assert letters(form) in page, (name, line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: "-".join(page.parts[-3:]))
def test_manual_pages_are_well_formed(page):
    text = shown(page)
    assert not re.search("--help: (usage|text|options|commands)", text)
    assert re.search("NAME|名称", text) and (page.suffix == ".5" or re.search("EXIT STATUS|退出码", text))


@pytest.mark.parametrize("program, form", [("baiye-county", "baiye-county CONFIG"),
                                           ("baiye-county-setup", "baiye-county-setup"),
                                           ("baiye-county-repo", "baiye-county-repo")])
def test_the_county_helps_as_the_gateway_does(program, form):
    listed = said(program, "--help")
    assert listed == said(program, "help") == said(program, "-h")
    for name in re.findall(r"^  ([a-z0-9]+) +\S", listed, re.M):
        text = said(program, "help", name)
        assert text.startswith(f"Usage: {form} {name}")
        assert max(map(len, (listed + text).splitlines())) <= 80
    for words in ([], ["file", "login"], ["file", "nonsense"], ["help", "nonsense"]):
        done = subprocess.run([program_file(program), *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 64 and done.stdout == "" and "Usage: " in done.stderr, words
