"""How many examples a property is tried on."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def fuzz(few):
    """So many examples, the same at every run; with FUZZ_EXAMPLES that many, new ones at every run."""
    checks = [*CHECKS, HealthCheck.function_scoped_fixture]
    return settings(
        max_examples=EXAMPLES or few,
        deadline=None,
        derandomize=not EXAMPLES,
        suppress_health_check=checks,
    )
