"""A gradient that torch writes past its end with channels last: in a process of its own, which it may end."""

import subprocess
import sys

TRAININGS = """
import numpy as np, torch
from skorch import NeuralNetClassifier
from torch import nn
from stepdown.core import TransferSet
from stepdown.nn import KD, FrozenNetwork, ImageBatches, NetworkFit, Transfer

torch.set_num_threads(1)
torch.manual_seed(0)
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 64, 1, stride=2), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
X = np.random.default_rng(0).integers(0, 256, (64, 3, 8, 8), dtype=np.uint8)
y = np.arange(64) % 10
net = NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, max_epochs=20, batch_size=16, train_split=None, verbose=0,
    iterator_train=ImageBatches, iterator_train__padding=1, iterator_valid=ImageBatches)
data = TransferSet.for_classification(X, y)
fitted = [NetworkFit().fit(net, data, seed=0), KD().transfer([FrozenNetwork(Net())], net, data, seed=0)]
student = Net().to(memory_format=torch.channels_last)
with Transfer(Net(), student, KD()) as transfer:
    for epoch in range(20):
        for x, target in ImageBatches((X, y), 16, padding=1):
            transfer.loss(x, student(x), target, epoch=epoch).backward()
for network in (student, *(net.module_ for net in fitted)):
    assert not any(part._forward_pre_hooks for part in network.modules())
print("came through")
"""


def test_strided_convolutions_of_few_channels_do_not_corrupt_memory():
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", TRAININGS], capture_output=True, text=True)
    assert found.stdout.strip() == "came through", (found.returncode, found.stderr[-500:])
