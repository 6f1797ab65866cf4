# SPDX-License-Identifier: Apache-2.0
"""The tests' own ports: several test processes run at a time, of pytest and of node, and each binds what
it was given only later."""
import os
import subprocess
import sys

from garden import ROOT

MANY = 250
PYTHON = f"""
import garden
print(*(garden.free_port() for _ in range({MANY})), flush=True)
input()
"""
NODE = f"""
const {{ freePort }} = await import('{ROOT}/tests/app/lib/wait.mjs');
const ports = [];
while (ports.length < {MANY}) ports.push(await freePort());
console.log(ports.join(' '));
process.stdin.resume().on('end', () => process.exit());
"""


def test_no_two_test_processes_are_given_one_port():
    commands = 3 * [[sys.executable, "-c", PYTHON]] + 2 * [["node", "--input-type=module", "-e", NODE]]
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "tests/integration"))
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
                for command in commands]
    given = [port for child in children for port in child.stdout.readline().split()]
    for child in children:
        child.communicate("\n", 120)
    assert len(given) == len(set(given)) == MANY * len(commands)
