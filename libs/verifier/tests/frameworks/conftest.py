"""The service that every framework's tests are about."""

import pytest
from downstream import Downstream


@pytest.fixture
def downstream() -> Downstream:
    return Downstream()
