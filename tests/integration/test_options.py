# SPDX-License-Identifier: Apache-2.0
"""A wrong option of any program: one line of its own that says what to do, in the language of messages,
exit 64; and no line of the C library's."""
import os
import re
import subprocess

import pytest

import garden

WRONG = [
    ("baiye", ["values", "--frobnicate"], "--frobnicate"), ("baiye", ["values", "--json", "-qz"], "-q"),
    ("baiye", ["values", "--socket"], "--socket"), ("baiye", ["check", "--config"], "--config"),
    ("baiyed", ["--frobnicate"], "--frobnicate"), ("baiyed", ["--check", "-qz"], "-q"),
    ("baiyed", ["--config"], "--config"), ("baiyed", ["--check=3"], "--check=3"),
    ("baiye-led", ["--frobnicate"], "--frobnicate"), ("baiye-led", ["-c"], "-c"),
    ("baiye-county", ["--frobnicate"], "--frobnicate"), ("baiye-county", ["-q"], "-q"),
    ("baiye-ingest", ["--frobnicate"], "--frobnicate"), ("baiye-growers", ["--help=3"], "--help=3"),
]
SINGLE = ("baiye-county", "baiye-ingest", "baiye-growers")


def run(program, *words, language="C"):
    return subprocess.run([garden.program(program), *words], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": language})


@pytest.mark.parametrize("program, words, named", WRONG)
@pytest.mark.parametrize("language", ["C", "zh_CN.UTF-8"])
def test_a_wrong_option_is_refused_in_the_readers_language(needs, program, words, named, language):
    needs(program)
    done = run(program, *words, language=language)
    first = done.stderr.splitlines()[0]
    assert done.returncode == 64 and done.stdout == ""
    assert first.startswith(f"{program}: ") and named in first
    assert not re.search("unrecognized|invalid option|requires an argument|doesn't allow", done.stderr)
    assert bool(re.search("[\u4e00-\u9fff]", first)) == (language != "C"), done.stderr


@pytest.mark.parametrize("program", SINGLE)
def test_a_program_of_the_county_says_how_it_is_used(needs, program):
    needs(program)
    for language, usage in (("C", "Usage: "), ("zh_CN.UTF-8", "用法：")):
        helped = run(program, "--help", language=language)
        assert helped.returncode == 0 and helped.stdout.startswith(f"{usage}{program}") and helped.stderr == ""
        for words in ([], ["/nowhere.yaml", "frobnicate"]):
            wrong = run(program, *words, language=language)
            assert wrong.returncode == 64 and usage in wrong.stderr and wrong.stdout == ""
