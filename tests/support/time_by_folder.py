"""Where a run's time went: seconds of its tests by folder, and their number, at its end."""

from collections import Counter

import pytest

DEPTH = 3
"""Parts of a path that name a folder: `tests/operator/kube`."""
LEAST = 0.5
"""Seconds below which a folder is not worth a line."""


class TimeByFolder:
    """Adds up; xdist brings the reports of all processes to the first one."""

    def __init__(self) -> None:
        self.seconds, self.tests = Counter[str](), Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        parts = report.nodeid.partition("::")[0].split("/")
        folder = "/".join(parts[:-1][:DEPTH])
        self.seconds[folder] += report.duration
        self.tests[folder] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        told = [(folder, seconds) for folder, seconds in self.seconds.most_common() if seconds >= LEAST]
        if len(told) > 1:
            terminalreporter.section("time by folder")
            for folder, seconds in told:
                terminalreporter.write_line(f"{seconds:8.1f} s  {self.tests[folder]:5} tests  {folder}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TimeByFolder(), "time by folder")
