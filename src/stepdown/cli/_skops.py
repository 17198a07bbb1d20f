"""skops, imported without torch.

skops asks scikit-learn for all of its estimators, and what is imported on the way imports torch where it is installed,
for arrays that don't come up here: two seconds and a quarter of a gigabyte for every command.
"""

from __future__ import annotations

import sys

_without_torch = sys.modules.setdefault("torch", None) is None  # type: ignore[arg-type]
try:
    from skops import io as io
    from skops.io.exceptions import UntrustedTypesFoundException as UntrustedTypesFoundException
finally:
    if _without_torch:
        del sys.modules["torch"]
