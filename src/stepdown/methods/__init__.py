"""How knowledge moves over one hop, for estimators: one file a method.

`SupervisionMethod` is what a method of one's own derives from; `functional` holds the formulas.
"""

from . import functional
from ._base import SupervisionMethod
from ._conf_weight import ConfWeight
from ._dense import Dense
from ._kd import KD
from ._mixture import Mixture
from ._model_compression import ModelCompression
from ._no_transfer import NoTransfer
from ._prof_weight import ProfWeight
from ._profile import AreaUnderProfile, LearnedWeights, ProfileWeights
from ._sratio import SRatio
from ._synthesisers import Munge, Resample, Synthesiser

__all__ = [
    "KD",
    "AreaUnderProfile",
    "ConfWeight",
    "Dense",
    "LearnedWeights",
    "Mixture",
    "ModelCompression",
    "Munge",
    "NoTransfer",
    "ProfWeight",
    "ProfileWeights",
    "Resample",
    "SRatio",
    "SupervisionMethod",
    "Synthesiser",
    "functional",
]
