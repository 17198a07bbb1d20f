"""Methods between networks that are published, and that no benchmark of ours has ahead of `KD` or of labels alone.

They keep the contract of the others and are tested like them. A method moves into `stepdown.nn` when a committed
benchmark says otherwise.
"""

from ._at import AT
from ._hint import Hint
from ._indistill import InDistill
from ._logit import Logit
from ._rid import RID
from ._rkd import RKD
from ._sp import SP
from ._vid import VID

__all__ = ["AT", "RID", "RKD", "SP", "VID", "Hint", "InDistill", "Logit"]
