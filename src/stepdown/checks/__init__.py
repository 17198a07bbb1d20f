"""The contract of a method, a trainer and a chain, as checks that anyone can run on theirs.

`check_method`, `check_network_method`, `check_trainer` and `check_chain` run everything and raise an AssertionError
that names the broken promise; `method_checks`, `network_method_checks`, `trainer_checks` and `chain_checks` give the
same as single checks, for a test runner. They need nothing but stepdown and the data that scikit-learn ships.
"""

from ._chain import chain_checks, check_chain
from ._check import Check
from ._method import check_method, method_checks
from ._network_method import check_network_method, network_method_checks
from ._trainer import check_trainer, trainer_checks

__all__ = [
    "Check",
    "chain_checks",
    "check_chain",
    "check_method",
    "check_network_method",
    "check_trainer",
    "method_checks",
    "network_method_checks",
    "trainer_checks",
]
