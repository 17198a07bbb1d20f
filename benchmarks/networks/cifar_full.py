"""The whole published recipe, from random weights: teacher, auxiliary, students; `cifar.py full` runs it.

ResNet-18 learns the labels. An auxiliary network of the student's kind, twice as wide, learns the labels and then, by
the information-flow loss on its last layer, how the teacher relates images. Then students learn from the auxiliary by
the published recipe and by ours; PKT, distillation from the ResNet and the labels alone stand beside them, for as many
epochs. Every network is kept, so that a run that was interrupted goes on with the next one. Memory is laid out with
channels last; with --amp the networks run in bfloat16 and the losses in float32, on a CPU as on a GPU.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.networks.cifar_networks import fast, n_parameters
from benchmarks.networks.cifar_record import Record
from benchmarks.networks.cifar_training import Lesson, Settings, Split, scored, train
from benchmarks.networks.cifar_ways import LAST, by_recipe
from stepdown.cli._image_networks import LAYERS, TINY, VERY_TINY, ResNet18, Small
from stepdown.nn import KD, PKT, FlowRecipe, InformationFlow, LossMethod, Paced, Staged, folded

PUBLISHED = FlowRecipe()


def paced(stages: Any, method: LossMethod, *, renewed: bool) -> Staged:
    """A method over stages of epochs and learning rates."""
    first = stages[0][1]
    return Staged([(epochs, Paced(method, rate / first, renewed=renewed)) for epochs, rate in stages])


def train_all(options: argparse.Namespace, record: Record, data: Split, test: Split) -> None:
    course = PUBLISHED if options.epochs is None else PUBLISHED.shortened(options.epochs / 50)
    labels, student_epochs = paced(course.labels, KD(weight=0.0), renewed=False), sum(n for n, _ in course.student)
    cuda = options.device.startswith("cuda")
    machine = torch.cuda.get_device_name(options.device) if cuda else options.device

    def made(name: str, network: nn.Module, seed: int, method: Any, teacher: Any = None, **settings: Any) -> nn.Module:
        """The network as it was kept, else trained, kept and scored."""
        path: Path = options.networks / f"{name.replace(' ', '-')}-{seed}.pt"
        network = fast(network.to(options.device))
        if path.exists():
            network.load_state_dict(torch.load(path, map_location=options.device, weights_only=True))
            return network.eval()
        epochs = settings.pop("epochs", student_epochs)
        lesson, started = Lesson(network, method, teacher, **settings), time.perf_counter()
        train([lesson], data, Settings(epochs=epochs, amp=options.amp), seed=seed, device=options.device)
        seconds = round(time.perf_counter() - started)
        scores = scored(network, data, test, device=options.device)
        options.networks.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # an interrupted run leaves no half of a network
        torch.save(network.state_dict(), part)
        part.replace(path)
        about: dict[str, Any] = {"method": " ".join(repr(method).split()), "epochs": epochs, "amp": options.amp}
        size = {"parameters": n_parameters(network), "device": machine, "seconds": seconds}
        record.add({"kind": "full", "way": name, "seed": seed, **about, **size, **scores})
        return network.eval()

    for seed in options.seeds:
        torch.manual_seed(seed)
        n_labels, n_hop = (sum(n for n, _ in stages) for stages in (course.labels, course.transfer))
        resnet = folded(made("teacher", ResNet18(width=options.teacher_width), seed, labels, epochs=n_labels))
        prepared = made("auxiliary on labels", Small(TINY), seed, labels, epochs=n_labels)
        bridge = Small(TINY)
        bridge.load_state_dict(prepared.state_dict())
        hop = paced(course.transfer, InformationFlow([("features", LAYERS[-1])]), renewed=True)
        auxiliary = folded(made("auxiliary", bridge, seed, hop, resnet, epochs=n_hop))
        recipes = {"published recipe": FlowRecipe(), "our recipe": FlowRecipe.better()}
        for name, recipe in recipes.items():
            way = by_recipe(student_epochs, recipe)
            torch.manual_seed(seed)
            pace = {"learning_rate": way.learning_rate, "beta2": way.beta2}
            made(name, Small(VERY_TINY), seed, way.method, auxiliary, **pace)
        others = {"PKT": (PKT(LAST), auxiliary), "KD": (KD(), resnet), "cross-entropy": (KD(weight=0.0), None)}
        for name, (method, teacher) in others.items():
            torch.manual_seed(seed)
            made(name, Small(VERY_TINY), seed, Paced(method, renewed=True), teacher)
