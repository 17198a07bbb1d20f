"""Transfer between PyTorch networks: pure losses, methods, and what a training loop needs of them.

`functional` holds the losses; the methods, further ones in `contrib`, name the layers and weigh them; `Transfer`
brings teacher, student and method together in a loop of one's own.
"""

# The gate stands before everything that imports torch.
from . import _extra  # noqa: F401

# isort: split
from stepdown._moved import moved

from . import functional
from ._arrays import load_arrays
from ._auxiliary import auxiliary
from ._cache import cached_features
from ._cached_teacher import CachedTeacher
from ._cifar import Images, load_cifar10, load_cifar100, read_cifar_files
from ._combined import Staged, WeightedSum
from ._cost import NetworkCost, network_cost
from ._dense import Dense, Teachers
from ._distributed import GlobalBatch
from ._engine import TrainingStoppedError
from ._exits import EarlyExit, early_exit, early_exits
from ._flow_recipe import FlowRecipe
from ._folding import folded
from ._head import fit_head
from ._heads import Heads
from ._image_files import load_images
from ._images import ImageBatches
from ._information_flow import InformationFlow
from ._kd import KD, BinaryKD
from ._label_flow import LabelFlow
from ._ladder import auxiliaries, built_ladder, ladder
from ._linear_probe import linear_probe_accuracy, nearest_centroid_accuracy
from ._method import LayerMethod, LossMethod, Outputs, Pace
from ._mixing import mixed as mixed
from ._nets import seeded as seeded
from ._network_fit import (
    NetworkFit,
    check_labels as check_labels,
    fit_net as fit_net,
    renew as renew,
    soft_support as soft_support,
)
from ._networks import FrozenNetwork
from ._paced import Paced
from ._pairs import LayerFlow, PairTable, propose_pairs
from ._pilots import Pilot, PilotedFlow, flow_through_auxiliaries
from ._pkt import PKT
from ._probes import layer_features as layer_features, network_probes as network_probes
from ._prototype import Prototype
from ._pruned import pruned, pruned_copies
from ._recipe import FlowRecord, flow_through_auxiliary
from ._relative import Relative
from ._retrieval import RetrievalScores, retrieval_scores
from ._rows import cast_rows as cast_rows
from ._schedules import Constant, CriticalPeriod, Phases, Schedule
from ._table_net import TableNet as TableNet
from ._taps import Taps
from ._transfer import NonFiniteLossError, Transfer
from ._with_head import WithHead, between_twins as between_twins, completed as completed

__all__ = [
    "Images",
    "RetrievalScores",
    "linear_probe_accuracy",
    "load_arrays",
    "load_cifar10",
    "load_cifar100",
    "load_images",
    "nearest_centroid_accuracy",
    "read_cifar_files",
    "retrieval_scores",
    "BinaryKD",
    "CachedTeacher",
    "Constant",
    "CriticalPeriod",
    "Dense",
    "EarlyExit",
    "FlowRecipe",
    "FlowRecord",
    "FrozenNetwork",
    "GlobalBatch",
    "Heads",
    "ImageBatches",
    "InformationFlow",
    "KD",
    "LabelFlow",
    "LayerFlow",
    "LayerMethod",
    "LossMethod",
    "NetworkCost",
    "NetworkFit",
    "NonFiniteLossError",
    "Outputs",
    "PKT",
    "Pace",
    "Paced",
    "PairTable",
    "Phases",
    "Pilot",
    "PilotedFlow",
    "Prototype",
    "Relative",
    "Schedule",
    "Staged",
    "Taps",
    "Teachers",
    "TrainingStoppedError",
    "Transfer",
    "WeightedSum",
    "WithHead",
    "auxiliaries",
    "auxiliary",
    "built_ladder",
    "cached_features",
    "early_exit",
    "early_exits",
    "fit_head",
    "flow_through_auxiliaries",
    "flow_through_auxiliary",
    "folded",
    "functional",
    "ladder",
    "network_cost",
    "propose_pairs",
    "pruned",
    "pruned_copies",
]

__getattr__ = moved(__name__)

# For one release `from stepdown.nn import *` still brings what has moved to nn.contrib.
__all__ += ["AT", "Hint", "InDistill", "Logit", "RKD", "SP", "VID"]
