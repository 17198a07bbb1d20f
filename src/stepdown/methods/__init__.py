"""How knowledge moves over one hop, for estimators: one file a method.

A method of one's own derives from `stepdown.core.TransferMethod`; `functional` holds the formulas.
"""

from stepdown.core import TransferMethod as SupervisionMethod  # noqa: F401  the former name

from . import functional
from ._base import require_taught_loss as require_taught_loss
from ._blend import Blend
from ._conf_weight import ConfWeight
from ._dense import Dense
from ._kd import KD
from ._mixture import Mixture
from ._model_compression import ModelCompression
from ._no_transfer import NoTransfer
from ._prof_weight import ProfWeight
from ._profile import AreaUnderProfile, LearnedWeights, ProfileWeights
from ._rows import CodedTable as CodedTable, stack_rows as stack_rows
from ._sratio import SRatio
from ._synthesisers import Interpolate, Munge, Resample, Synthesiser

__all__ = [
    "KD",
    "AreaUnderProfile",
    "Blend",
    "ConfWeight",
    "Dense",
    "Interpolate",
    "LearnedWeights",
    "Mixture",
    "ModelCompression",
    "Munge",
    "NoTransfer",
    "ProfWeight",
    "ProfileWeights",
    "Resample",
    "SRatio",
    "Synthesiser",
    "functional",
]
