"""Information-flow distillation on digits: teacher, wider auxiliary, student; a minute on one core.

Run it with:  python examples/information_flow.py
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from stepdown.core import TransferSet
from stepdown.nn import Constant, Taps, flow_through_auxiliary, retrieval_scores


class Network(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU())
        self.fc1 = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8 * width, 4 * width), nn.ReLU())
        self.fc2 = nn.Linear(4 * width, 10)

    def forward(self, x):
        return self.fc2(self.fc1(self.conv2(self.conv1(x))))


def net(width, epochs):
    return NeuralNetClassifier(
        Network,
        module__width=width,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=5e-3,
        max_epochs=epochs,
        batch_size=64,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
    )


def features(fitted, X):
    with Taps(fitted.module_, ["fc1"]) as taps:
        return np.concatenate([taps["fc1"].numpy() for _ in fitted.forward_iter(X)])


def main(epochs=40):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    data = TransferSet.for_classification(X, y)

    teacher = net(16, epochs).fit(X, y)
    alone = net(4, epochs).fit(X, y)
    # Weights that stay as they are and no pairs of a row with itself: a short training, see
    # benchmarks/networks/nn_demo.py.
    short = {"schedule": Constant(), "diagonal": False}
    record = flow_through_auxiliary(teacher, net(4, epochs), data, layers=["conv1", "conv2", "fc1"], seed=0, **short)
    print(record)

    models = {"teacher": teacher, "auxiliary": record.auxiliary, "student alone": alone, "flow": record.student}
    for name, model in models.items():
        scores = retrieval_scores(features(model, X), y, features(model, X_test), y_test)
        print(f"{name:14}{scores}")
    print(f"accuracy: alone {alone.score(X_test, y_test):.3f}, flow {record.student.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
