# SPDX-License-Identifier: Apache-2.0
"""The fixture `site`, for the tests here and for the fault tests."""
import pathlib
import shutil
import tempfile

import pytest

import garden


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture
def site(request):
    """An empty site; the test starts what it needs. Its logs are kept when the test fails."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baiye-"))  # short: UNIX sockets live in it
    made = garden.Site(folder)
    yield made
    made.close()
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        print(f"logs: {made.keep_logs(request.node.name)}")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def figure(request):
    """figure("…") puts a number that the test found below the summary of all tests."""
    def say(text):
        request.node.user_properties.append(("figure", text))
    return say


def pytest_terminal_summary(terminalreporter):
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in report.user_properties:
                if name == "figure" and report.when == "call":
                    terminalreporter.write_line(f"figure: {report.nodeid.split('::')[-1]}: {text}")


def need(*names):
    missing = [name for name in names if not garden.program(name).exists()]
    if missing:
        pytest.fail(f"not built: {', '.join(missing)}")


@pytest.fixture
def needs():
    """needs("baiyed", …) fails a test whose programs are not built."""
    return need
