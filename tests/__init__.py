import pytest

# Else pytest rewrites test modules only, and an assert that fails in a helper shows no values.
pytest.register_assert_rewrite("tests.pipeline", "tests.unit", "tests.faults", "tests.browser")
