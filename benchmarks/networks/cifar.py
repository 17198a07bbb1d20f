"""Information-flow distillation on CIFAR-10: the published networks scored, and their student trained anew.

    python -m benchmarks.networks.cifar published --data FOLDER --checkpoints FILE.npz
    python -m benchmarks.networks.cifar choices   --data FOLDER --checkpoints FILE.npz
    python -m benchmarks.networks.cifar students  --data FOLDER --checkpoints FILE.npz
    python -m benchmarks.networks.cifar full      --data FOLDER --networks FOLDER --device cuda

The data are CIFAR-10 in its official binary version. The checkpoints are those published with Passalis, Tzelepi &
Tefas, "Heterogeneous Knowledge Distillation using Information Flow Modeling", CVPR 2020, as arrays MODEL/parameter,
MODEL one of `aux_pkt`, `tiny_cifar10`, `very_tiny_cifar10`, `proposed`; `full` needs none. Every training image is in
the database and every test image is a query, but for `choices`, from which our recipe was chosen: there the last tenth
of the training images asks and the others are learned from and searched. A run is written to --out as soon as it is
done, and isn't done again. Networks start from random weights, seed by seed the same ones in every way, and no epoch is
chosen by its score.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from benchmarks.common.record import RESULTS
from benchmarks.networks.cifar_full import train_all
from benchmarks.networks.cifar_networks import PUBLISHED, n_parameters, published
from benchmarks.networks.cifar_record import Record
from benchmarks.networks.cifar_training import Lesson, Settings, Split, scored, train
from benchmarks.networks.cifar_ways import Way, choices, students
from stepdown.cli._image_networks import VERY_TINY, Small
from stepdown.nn import folded, load_cifar10


def score_published(options: argparse.Namespace, record: Record, data: Split, test: Split) -> None:
    for name in PUBLISHED:
        if not record.has(kind="published", way=name):
            network = published(options.checkpoints, name)
            found = scored(network, data, test, compatible=True)
            record.add({"kind": "published", "way": name, "parameters": n_parameters(network), **found})


def train_students(options: argparse.Namespace, record: Record, data: Split, test: Split) -> None:
    ways = {"students": students, "choices": choices}[options.command](options.epochs)
    unknown = set(options.ways or ()) - set(ways)
    if unknown:
        raise SystemExit(f"no ways {sorted(unknown)}; there are {', '.join(ways)}.")
    names = options.ways or list(ways)
    about = {"kind": options.command, "epochs": options.epochs}
    for seed in options.seeds:
        wanted = [name for name in names if not record.has(**about, way=name, seed=seed)]
        for start in range(0, len(wanted), options.together):
            group = {name: ways[name] for name in wanted[start : start + options.together]}
            train_group(options, record, group, seed, data, test)


def train_group(
    options: argparse.Namespace, record: Record, ways: dict[str, Way], seed: int, data: Split, test: Split
) -> None:
    """Train students side by side, and write how they score."""
    wanted = {way.teacher for way in ways.values() if way.teacher}
    teachers: dict[str | None, nn.Module] = {name: folded(published(options.checkpoints, name)) for name in wanted}
    lessons = []
    for way in ways.values():
        torch.manual_seed(seed)
        lessons.append(Lesson(Small(VERY_TINY), way.method, teachers.get(way.teacher), way.learning_rate, way.beta2))
    seconds = train(lessons, data, Settings(epochs=options.epochs), seed=seed)
    for (name, way), lesson in zip(ways.items(), lessons, strict=True):
        about = {"kind": options.command, "way": name, "seed": seed, "epochs": options.epochs}
        how = {"method": " ".join(repr(way.method).split()), "rate": way.learning_rate, "teacher": way.teacher}
        shared = {"seconds a student": round(seconds / len(lessons))}
        record.add({**about, **how, **shared, **scored(lesson.student, data, test)})


def held_out(data: Split) -> tuple[Split, Split]:
    """The training images without their last tenth, and that tenth."""
    start = len(data.y) * 9 // 10
    return Split(data.X[:start], data.y[:start]), Split(data.X[start:], data.y[start:])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("published", "choices", "students", "full"):
        command = commands.add_parser(name)
        command.add_argument("--data", type=Path, required=True, help="folder with CIFAR-10's binary version")
        command.add_argument("--images", default="CIFAR-10 as published", help="what is written about the images")
        command.add_argument("--out", type=Path, default=RESULTS / "cifar.json")
        command.add_argument("--threads", type=int, default=1)
        if name != "full":
            command.add_argument("--checkpoints", type=Path, required=True, help=".npz of the published weights")
        if name != "published":
            epochs, seeds = {"full": (None, [0, 1, 2]), "choices": (15, [100])}.get(name, (15, [0, 1, 2, 3, 4]))
            command.add_argument("--epochs", type=int, default=epochs, help="of a student; others in proportion")
            command.add_argument("--seeds", type=int, nargs="+", default=seeds)
        if name in ("choices", "students"):
            command.add_argument("--ways", nargs="+", help="some of the ways; by default all")
            command.add_argument("--together", type=int, default=3, help="students trained side by side")
        if name == "full":
            command.add_argument("--networks", type=Path, required=True, help="folder for the trained networks")
            command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
            command.add_argument("--amp", action="store_true", help="networks in bfloat16")
            command.add_argument("--teacher-width", type=int, default=64, help="64 is ResNet-18")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    record = Record(options.out, options.images)
    data, test = (Split(*load_cifar10(options.data, split)[:2]) for split in ("train", "test"))
    if options.command == "full":
        train_all(options, record, data, test)
    elif options.command == "published":
        score_published(options, record, data, test)
    elif options.command == "choices":
        train_students(options, record, *held_out(data))
    else:
        train_students(options, record, data, test)


if __name__ == "__main__":
    main()
