"""Methods between networks that are published, and of which no benchmark of ours says what they bring.

They keep the contract of the others and are tested like them. A method moves into `stepdown.nn` when a committed
benchmark has it ahead of `KD` or of labels alone.
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
