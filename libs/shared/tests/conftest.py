"""What every suite of this package shares."""

import pytest

# The contract suites are plain modules: their assertions explain themselves only when pytest rewrites them.
pytest.register_assert_rewrite("contracts")
