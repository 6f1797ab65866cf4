# SPDX-License-Identifier: Apache-2.0
"""The lists of what each part is made of: they keep CycloneDX's own schema, name what is there, are the
same twice, and those in docs/sbom are those of this checkout."""
import functools
import json
import pathlib
import re
import subprocess
import zlib

import jsonschema
import pytest

from garden import BUILD

TOP = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = TOP / "gateway/app/node_modules/@cyclonedx/cyclonedx-library/res/schema"
PROGRAMS = [BUILD / "bin" / name for name in ("baiyed", "baiye", "baiye-led")]
PARTS = {"app": [], "firmware": [], "gateway": PROGRAMS}


def make(part):
    run = subprocess.run([TOP / "tools/sbom", part, *PARTS[part]], capture_output=True, text=True, cwd=TOP)
    assert run.returncode == 0, run.stderr
    return run.stdout


made = functools.cache(make)


def names(document):
    return {c["name"] for c in document["components"]}


def parts_of(document):
    """What is the same on two machines whose Debian packages are of different days."""
    reference = re.compile(r"@[^?]*|\?.*")
    return (sorted((c["name"], json.dumps(c.get("licenses"))) for c in document["components"]),
            sorted((reference.sub("", d["ref"]), sorted(reference.sub("", on) for on in d["dependsOn"]))
                   for d in document["dependencies"]))


@pytest.mark.parametrize("part", PARTS)
def test_a_list_keeps_the_schema_of_cyclonedx(part):
    stored = {}
    for file in SCHEMAS.glob("*.schema.json"):
        schema = json.loads(file.read_text())
        stored[schema["$id"]] = stored[f"http://cyclonedx.org/schema/{file.name}"] = schema
    schema = stored["http://cyclonedx.org/schema/bom-1.6.schema.json"]
    resolver = jsonschema.RefResolver(schema["$id"], schema, store=stored)
    checker = jsonschema.Draft7Validator(schema, resolver=resolver)
    document = json.loads(made(part))
    assert [error.message for error in checker.iter_errors(document)] == []
    document["components"][0]["type"] = "none such"
    assert list(checker.iter_errors(document)) != []


@pytest.mark.parametrize("part", PARTS)
def test_a_list_is_the_same_twice_and_complete(part):
    text = made(part)
    assert make(part) == text
    document = json.loads(text)
    known = {c["bom-ref"] for c in document["components"]}
    root = document["metadata"]["component"]["bom-ref"]
    assert {d["ref"] for d in document["dependencies"]} == known | {root}
    assert {on for d in document["dependencies"] for on in d["dependsOn"]} == known


@pytest.mark.parametrize("part", PARTS)
def test_the_list_in_the_repository_is_that_of_this_checkout(part):
    kept = json.loads((TOP / "docs/sbom" / f"{part}.cdx.json").read_text())
    assert parts_of(kept) == parts_of(json.loads(made(part))), f"tools/sbom {part} -o docs/sbom/{part}.cdx.json"


def test_the_gateways_list_names_each_library_that_the_loader_maps():
    loaded = subprocess.run(["ldd", *PROGRAMS], capture_output=True, text=True, check=True).stdout
    globs = {"*/" + "/".join(pathlib.Path(path).parts[-2:]) for path in re.findall(r"=> (/\S+)", loaded)}
    found = subprocess.run(["dpkg-query", "-S", *globs], capture_output=True, text=True, check=True).stdout
    packages = {line.split(":")[0] for line in found.splitlines()}
    assert len(packages) > 10 and packages <= names(json.loads(made("gateway")))


def test_the_apps_list_names_what_its_sources_import_of_others():
    named = names(json.loads(made("app")))
    for file in (TOP / "gateway/app/src").rglob("*.ts*"):
        for name in re.findall(r"from '([^.'][^']*)'", file.read_text()):
            if ".test." not in file.name and not name.startswith(("virtual:", "node:")) and name != "vitest":
                assert re.match(r"(@[^/]+/)?[^/]+", name).group() in named, (file, name)
    served = " ".join(f.name for f in (TOP / "gateway/app/dist").glob("*"))
    assert ("workbox-" in served) == ("workbox-core" in named)


def known_faults(tmp_path, faults):
    """What tools/known-faults says when Debian's tracker knows of these, by lines of debsecan's format:
    package, number of the fault, its flags (fourth: F, it is mended), from which version not any more."""
    names = [f"CVE-2026-{1000 + i},,of a test" for i in range(len(faults))]
    lines = [f"{package},{i},SH {flag},,{good}" for i, (package, flag, good) in enumerate(faults)]
    (tmp_path / "bookworm").write_bytes(zlib.compress("\n".join(["VERSION 1", *names, "", *lines, "", "", ""]).encode()))
    return subprocess.run([TOP / "tools/known-faults", "--source", tmp_path.as_uri()], capture_output=True, text=True)


def test_known_faults_of_what_the_list_names_are_told(tmp_path):
    kept = json.loads((TOP / "docs/sbom/gateway.cdx.json").read_text())
    curl = next(c for c in kept["components"] if c["name"].startswith("libcurl"))
    good = {p["name"]: p["value"] for p in curl["properties"]}["debian:source-version"]
    none = known_faults(tmp_path, [("curl", "F", good), ("emacs", "F", "")])
    assert none.returncode == 0 and "CVE" not in none.stdout, none.stdout + none.stderr
    one = known_faults(tmp_path, [("libmodbus", " ", ""), ("curl", "F", "999"), ("emacs", "F", "")])
    mended, others = re.split("not mended yet", one.stdout)
    assert one.returncode == 1 and "CVE-2026-1001 libcurl4" in mended, one.stdout + one.stderr
    assert "CVE-2026-1000 libmodbus5" in others and "CVE-2026-1002" not in one.stdout, one.stdout
    old = known_faults(tmp_path, [("libmodbus", " ", "")])
    assert old.returncode == 0 and "CVE-2026-1000" in old.stdout, "nothing can be done about it yet"


def test_where_the_tracker_is_not_reached_nothing_is_said_to_be_good(tmp_path):
    done = subprocess.run([TOP / "tools/known-faults", "--source", (tmp_path / "none").as_uri()],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (69, "") and "downloading" in done.stderr, done.stdout + done.stderr
