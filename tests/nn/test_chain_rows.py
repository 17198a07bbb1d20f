"""Chains of networks whose rows are images or sequences, with a bridge or, where none can be built, without."""

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn

from stepdown import MultihopClassifier
from stepdown.nn import KD, PKT, InformationFlow

IMAGES = np.random.default_rng(0).normal(size=(120, 1, 6, 6)).astype(np.float32)
WORDS = np.random.default_rng(0).integers(0, 30, (120, 7))


def net(module):
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=2,
        train_split=None,
        verbose=0,
    )


def convolutional(width):
    return net(nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * width, 2)))


class Recurrent(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.words, self.lstm = nn.Embedding(30, width), nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        return self.head(self.lstm(self.words(x))[0].mean(1))


@pytest.mark.parametrize("methods", [KD(), InformationFlow([("1", "1")])])
def test_images(methods):
    y = (IMAGES.mean((1, 2, 3)) > 0).astype(int)
    chain = MultihopClassifier(convolutional(6), convolutional(2), methods=methods, cv=3, random_state=0).fit(IMAGES, y)
    assert chain.predict_proba(IMAGES).shape == (120, 2)


@pytest.mark.parametrize("methods", [KD(), PKT([("lstm", "lstm")])])
def test_sequences_of_a_student_that_cannot_be_widened_take_one_hop(methods):
    y = (WORDS == 3).any(1).astype(int)
    chain = MultihopClassifier(net(Recurrent(8)), net(Recurrent()), methods=methods, cv=3, random_state=0)
    assert type(chain.fit(WORDS, y).student_.module_) is Recurrent
    assert chain.predict(WORDS).shape == (120,)


def test_rows_that_one_of_the_models_cannot_read_are_refused():
    y = (IMAGES.mean((1, 2, 3)) > 0).astype(int)
    with pytest.raises(ValueError, match=r"dim 4"):
        MultihopClassifier(DecisionTreeClassifier(), convolutional(2), cv=3).fit(IMAGES, y)
