# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures; what they are made of is in garden.py."""
from sites import (figure, needs, pytest_runtest_makereport,  # noqa: F401
                   pytest_terminal_summary, site)
from systembus import system_bus  # noqa: F401
