"""A plugin of pytest that writes the outcome of each test to a file, and goes on where an earlier run has ended.

Other packages' tests are run with it, in their own folder: `-p outcomes`, with this folder on PYTHONPATH. The variable
OUTCOMES names the file. OUTCOMES_SECONDS, if it is set, is the time after which no other test begins.
"""

import os
import time
from pathlib import Path

END = time.monotonic() + float(os.environ.get("OUTCOMES_SECONDS", "inf"))

_running = {}  # the outcome so far of the tests that are running; preparing and clearing up are reported too


def outcomes(file):
    """Return the outcome of each test that a file tells of."""
    lines = Path(file).read_text("utf-8").splitlines() if Path(file).exists() else []
    return {name: outcome for outcome, _, name in (line.partition(" ") for line in lines)}


def pytest_collection_modifyitems(config, items):
    done = outcomes(os.environ["OUTCOMES"])
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in done])
    items[:] = [item for item in items if item.nodeid not in done]


def pytest_runtest_logreport(report):
    outcome = f"x{report.outcome}" if hasattr(report, "wasxfail") else report.outcome
    if _running.setdefault(report.nodeid, outcome) == "passed":
        _running[report.nodeid] = outcome


def pytest_runtest_logfinish(nodeid):
    with open(os.environ["OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(f"{_running.pop(nodeid)} {nodeid}\n")


def pytest_runtest_teardown(item, nextitem):
    if time.monotonic() > END:
        item.session.shouldstop = "the time is over"
