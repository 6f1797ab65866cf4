# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures; what they are made of is in garden.py."""
from sites import needs, pytest_runtest_makereport, site  # noqa: F401
