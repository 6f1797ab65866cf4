# SPDX-License-Identifier: Apache-2.0
"""No file of 1 MiB keeps the reader busy: the daemon reads its configuration again on SIGHUP."""
import subprocess

import pytest

import garden

MIB = 1024 * 1024
BOMBS = {
    "flow": "[" * MIB, "maps": "{a: " * (MIB // 4), "lines": "[\n" * (MIB // 2),
    "block": "- " * (MIB // 2), "keys": "? " * (MIB // 2), "closed": "[" * 10000 + "]" * 10000,
    "open-keys": "{? " * (MIB // 3), "wide": "a: [" + "x," * (MIB // 2 - 4) + "]",
    "many-keys": "".join(f"k{i}: 1\n" for i in range(80000)), "quotes": '"' * MIB,
    "anchors": "- &a x\n" * (MIB // 7), "aliases": "- &a [x]\n" + "- *a\n" * (MIB // 6),
    "names": "".join(f"- &a{i} x\n" for i in range(60000)),
    "spaces": " " * MIB, "commas": "[" + "," * (MIB - 2) + "]", "colons": ":" * MIB,
    "text": "a: |\n" + " x\n" * (MIB // 3), "tags": "!" * MIB, "tab": "\t" * MIB,
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(b + 1)}: &{chr(b + 1)} [{','.join(['*' + chr(b)] * 9)}]\n" for b in range(97, 115)),
}


@pytest.mark.parametrize("shape", BOMBS)
def test_a_hostile_file_is_refused_at_once(tmp_path, shape):
    (tmp_path / "baiye.yaml").write_text(BOMBS[shape][:MIB])
    result = subprocess.run(["bash", "-c", 'ulimit -t 3; exec "$@"', "-", garden.program("baiye"),
                             "check", "--config", tmp_path / "baiye.yaml"],
                            capture_output=True, text=True, timeout=120)
    assert result.returncode == 78, (result.returncode, result.stderr[:300])
    told = result.stderr.splitlines()
    assert "baiye.yaml:" in told[0] and len(told) <= 21, len(told)
    assert max(map(len, told)) < 1000
