# SPDX-License-Identifier: Apache-2.0
"""What others wrote is printed, and moves no cursor, changes no title and runs in no other order."""
import json
import socket
import subprocess
import threading

import pytest

import garden

EVIL = "a\x1b[2Jb\x07c\x7fd\u009b31me\u009d0;title\u009cf\u202egnp\u2066h\u200bi\u2028j\ufeffk\U000e0041l"
BAD = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010),
                        *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xE0041)
       if chr(c) != "\n"]


def told(folder, answer, *words):
    """What `baiye` prints when the gateway answers so."""
    path = folder / "c.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)

    def serve():
        peer, _ = server.accept()
        with peer, peer.makefile() as lines:
            lines.readline()
            for part in answer:
                peer.sendall(json.dumps({"id": 1, **part}, ensure_ascii=False).encode() + b"\n")
    thread = threading.Thread(target=serve)
    thread.start()
    result = subprocess.run([garden.program("baiye"), *words, "--socket", path],
                            capture_output=True, timeout=120)
    thread.join()
    server.close()
    return result.stdout.decode(), result.stderr.decode()


ROW = {"ts": 1795293274123, "user": EVIL, "via": EVIL, "method": EVIL, "detail": EVIL,
       "result": EVIL}
DEVICE = {"name": EVIL, "label": EVIL, "bus": EVIL, "unit": 1, "profile": EVIL, "every_s": 60,
          "metrics": [EVIL], "writes": [{"name": EVIL, "min": 0, "max": 1}]}


@pytest.mark.parametrize("answer, words", [
    ([{"result": {"audits": [ROW]}}], ["audit"]),
    ([{"result": {"devices": [DEVICE]}}], ["devices"]),
    ([{"error": {"code": EVIL, "message": EVIL, "hint": EVIL}}], ["stats"]),
    ([{"result": {"site": EVIL, "uptime_s": 1, "store": {"alarm": EVIL},
                  "buses": [{"name": EVIL, "state": EVIL, "hint": EVIL}],
                  "brokers": [{"name": EVIL, "state": EVIL, "why": EVIL}]}}], ["stats"]),
    ([{"result": {"pdu": EVIL, "turnaround_us": 1}}], ["raw", "east", "1", "03"]),
], ids=["audit", "devices", "error", "stats", "raw"])
def test_an_answer_is_only_text(tmp_path, answer, words):
    out, err = told(tmp_path, answer, *words)
    assert out + err
    assert not [c for c in BAD if c in (out + err).replace("\n", "")]


def test_json_says_the_same_in_harmless_characters(tmp_path):
    out, _ = told(tmp_path, [{"result": {"audits": [ROW]}}], "audit", "--json")
    assert not [c for c in BAD if c in out.rstrip("\n")]
    assert json.loads(out)["audits"][0]["user"] == EVIL


def test_what_a_file_says_is_only_text(tmp_path):
    """Complaints name what stands in a configuration, a profile or an image."""
    (tmp_path / "baiye.yaml").write_text(f'site: hill\n"{EVIL[1:]}": 1\n'.replace("\x1b", "\\e")
                                         .replace("\x07", "\\a").replace("\x7f", "\\x7f"))
    for words in (["check", "--config", tmp_path / "baiye.yaml"],
                  ["user", "list", "--config", tmp_path / "baiye.yaml"],
                  ["image", tmp_path / f"none{EVIL.replace('/', '')}"],
                  [EVIL]):
        result = subprocess.run([garden.program("baiye"), *words], capture_output=True, timeout=120)
        said = (result.stdout + result.stderr).decode()
        assert result.returncode != 0 and said
        assert not [c for c in BAD if c in said.replace("\n", "")], (words, said)
