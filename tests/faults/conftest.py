"""What can go wrong, done for real: a file for each kind of fault."""

import os

import pytest


@pytest.fixture(scope="session")
def whole() -> bool:
    """Whether every fault is tried as often as `make faults` does, and not in its short form."""
    return os.environ.get("COMPARE_FAULTS") == "whole"
