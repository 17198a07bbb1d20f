"""The whole published recipe, from random weights: teacher, auxiliary, students; `cifar.py full` runs it.

ResNet-18 learns the labels. An auxiliary network of the student's kind, twice as wide, learns the labels and then, by
the information-flow loss on its last layer, how the teacher relates images. Then each student learns from the auxiliary
with the weights of the critical period; PKT, distillation from the ResNet and the labels alone stand beside it, for as
many epochs. Every network is kept, so that a run that was interrupted goes on with the next one.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.networks.cifar_networks import fast, n_parameters
from benchmarks.networks.cifar_record import Record
from benchmarks.networks.cifar_training import Lesson, Settings, Split, scored, train
from benchmarks.networks.cifar_ways import LAST, PAIRS
from stepdown.cli._image_networks import LAYERS, TINY, VERY_TINY, ResNet18, Small
from stepdown.nn import KD, PKT, InformationFlow, LossMethod, folded

LABELS = Settings(epochs=80, late=30, fresh_optimizer=False)
AUXILIARY = Settings(epochs=40, late=10)
STUDENT = Settings(epochs=50)


def train_all(options: argparse.Namespace, record: Record, data: Split, test: Split) -> None:
    def made(name: str, network: nn.Module, settings: Settings, lesson: Lesson, seed: int) -> nn.Module:
        """The network as it was kept, else trained, kept and scored."""
        if options.epochs is not None:
            settings = replace(settings, epochs=options.epochs, late=0)
        path: Path = options.networks / f"{name.replace(' ', '-')}-{seed}.pt"
        if path.exists():
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
            return fast(network.to(options.device).eval())
        lesson = lesson._replace(student=network)
        seconds = train([lesson], data, settings, seed=seed, device=options.device)
        scores = scored(network, data, test, device=options.device)
        options.networks.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), path)
        about: dict[str, Any] = {"method": " ".join(repr(lesson.method).split()), "epochs": settings.epochs}
        size = {"parameters": n_parameters(network), "device": options.device, "seconds": round(seconds)}
        record.add({"kind": "full", "way": name, "seed": seed, **about, **size, **scores})
        return network.eval()

    def lesson(method: LossMethod | None, teacher: nn.Module | None) -> Lesson:
        return Lesson(nn.Identity(), method, teacher)

    for seed in options.seeds:
        torch.manual_seed(seed)
        resnet = folded(made("teacher", ResNet18(width=options.teacher_width), LABELS, lesson(None, None), seed))
        prepared = made("auxiliary on labels", Small(TINY), LABELS, lesson(None, None), seed)
        bridge = Small(TINY)
        bridge.load_state_dict(prepared.state_dict())
        hop = lesson(InformationFlow([("features", LAYERS[-1])]), resnet)
        auxiliary = folded(made("auxiliary", bridge, AUXILIARY, hop, seed))
        ways = {
            "information flow": lesson(InformationFlow(PAIRS), auxiliary),
            "PKT": lesson(PKT(LAST), auxiliary),
            "KD": lesson(KD(), resnet),
            "cross-entropy": lesson(None, None),
        }
        for name, way in ways.items():
            torch.manual_seed(seed)
            made(name, Small(VERY_TINY), STUDENT, way, seed)
