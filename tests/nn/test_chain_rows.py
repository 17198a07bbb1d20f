"""Chains of networks whose rows are images or sequences, with a bridge or, where none can be built, without."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn

from stepdown import MultihopClassifier
from stepdown.core import InvalidInputError
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


class Masked(Recurrent):
    """With two inputs, as tokenizers make them."""

    def forward(self, input_ids, attention_mask):
        kept = attention_mask[..., None].float()
        return self.head((self.lstm(self.words(input_ids))[0] * kept).sum(1) / kept.sum(1))


@pytest.mark.parametrize("methods", [KD(), PKT([("head:input", "head:input")])])
def test_rows_of_several_arrays(methods, tmp_path):
    X = {"input_ids": WORDS, "attention_mask": (np.arange(7) < 5).astype(np.int64) * np.ones_like(WORDS)}
    y = (WORDS == 3).any(1).astype(int)
    chain = MultihopClassifier(net(Masked(8)), net(Masked()), methods=methods, cv=3, random_state=0, memory=tmp_path)
    answers = chain.fit(X, y).predict_proba(X)
    assert answers.shape == (120, 2)
    np.testing.assert_array_equal(clone(chain).fit(X, y).predict_proba(X), answers)
    np.testing.assert_allclose(chain.predict_proba({name: values[:3] for name, values in X.items()}), answers[:3], 1e-5)
    with pytest.raises(InvalidInputError, match=r"shapes \{'input_ids': \(120, 7\), 'attention_mask': \(119, 7\)\}"):
        chain.fit({**X, "attention_mask": WORDS[1:]}, y)
    with pytest.raises(InvalidInputError, match="mapping of arrays, which networks read and DecisionTreeClassifier"):
        MultihopClassifier(DecisionTreeClassifier(), net(Masked())).fit(X, y)


def test_rows_that_one_of_the_models_cannot_read_are_refused():
    y = (IMAGES.mean((1, 2, 3)) > 0).astype(int)
    with pytest.raises(ValueError, match=r"dim 4"):
        MultihopClassifier(DecisionTreeClassifier(), convolutional(2), cv=3).fit(IMAGES, y)
