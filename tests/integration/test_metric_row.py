# SPDX-License-Identifier: Apache-2.0
"""A metric is one row of protocols/metric/metrics.def: C, manual and app take all they say of it from there."""
import shutil
import subprocess

import garden

TABLE = "protocols/metric/metrics.def"
ROW = ('METRIC(sap_flow, "g/h", "g/h", 0, 900, 1, SUM, 50, 24, 2, "", "measurement", "Sap flow", "茎流", "Sap", '
       '"茎流")\n')
LOOK = """
#include <stdio.h>
#include "protocols/metric/metric.h"
int main(void)
{
    const struct metric_info *metric = metric_find("sap_flow_2");
    if (metric == NULL)
        return 1;
    printf("%s %s %s %s %s %s %g", metric->name, metric->unit, metric_kind_name(metric->kind), metric->text[METRIC_ZH],
           metric->text[METRIC_EN], metric->led_text[METRIC_EN], metric->max);
    return 0;
}
"""


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_a_row(folder):
    """A copy of what reads the table, whose table has one row more."""
    shutil.copytree(garden.ROOT / "protocols", folder / "protocols")
    for path in ("tools/metric_table/main.c", "gateway/app/metrics.mjs"):
        (folder / path).parent.mkdir(parents=True)
        shutil.copy(garden.ROOT / path, folder / path)
    table = folder / TABLE
    text = table.read_text()
    last = [line for line in text.splitlines(keepends=True) if line.startswith("METRIC(")][-1]
    table.write_text(text.replace(last, last + ROW))


def test_a_row_is_all_that_a_metric_takes(tmp_path):
    with_a_row(tmp_path)
    (tmp_path / "look.c").write_text(LOOK)
    for source, program in (("look.c", "look"), ("tools/metric_table/main.c", "table")):
        run("cc", "-std=c11", "-I.", source, "protocols/metric/metric.c", "-o", program, cwd=tmp_path)
    assert run("./look", cwd=tmp_path) == "sap_flow g/h sum 茎流 Sap flow Sap 900"
    page = run("./table", "man-zh", cwd=tmp_path)
    assert ".B sap_flow\n茎流" in page and "0 到 900" in page
    assert "| `sap_flow` | g/h | 0 to 900 | sum | Sap flow |" in run("./table", "list", cwd=tmp_path)
    app = run("node", "--input-type=module", "-e",
              "import { readMetrics } from './gateway/app/metrics.mjs'; "
              "console.log(JSON.stringify(readMetrics().sap_flow))", cwd=tmp_path)
    assert app.strip() == '{"unit":"g/h","shown":"g/h","decimals":1,"kind":"sum","en":"Sap flow","zh":"茎流"}'
