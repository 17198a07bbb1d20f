"""The sections of docs/results.md that are about networks; see `report.py`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

METRICS = ("cosine", "euclidean")
COMPARED = ("cross-entropy", "KD", "PKT", "information flow, constant weight 100")
"""With which information flow is compared."""


def cifar(record: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    runs = record["runs"]
    of_kind = {
        kind: [run for run in runs if run["kind"] == kind]
        for kind in ("published", "students", "ablation", "choices", "full")
    }
    parts = [
        "## Information flow on CIFAR-10",
        f"`benchmarks/networks/cifar.py`; images: {record['images']}. The 50,000 training images are ranked for each"
        " of the 10,000 test images; numbers are mean average precision in percent, cosine / Euclidean, by the 11-point"
        " definition."
        f" Versions: {versions}.",
        "### The published networks\n"
        + _table(
            ["network", "parameters", "correct", "by the published evaluator"],
            [
                [
                    run["way"],
                    f"{run['parameters']:,}",
                    _pair(run),
                    _pair(run, ", as published"),
                ]
                for run in of_kind["published"]
            ],
        ),
    ]
    if of_kind["students"]:
        parts += _students(of_kind["students"])
    if of_kind["ablation"]:
        parts += _ablation(of_kind["ablation"])
    if of_kind["choices"]:
        parts.append(
            "### On images held out of the training part\nOur recipe, one seed: the relations of the labels with"
            " another weight, other rates (0.003 where none is named). The last tenth of the training images asks."
            " No row has been scored on the test images."
        )
        for epochs in sorted({run["epochs"] for run in of_kind["choices"]}):
            runs = [run for run in of_kind["choices"] if run["epochs"] == epochs]
            parts.append(f"After {epochs} epochs:\n\n{_ways(runs)}")
    if of_kind["full"]:
        parts.append("### The whole recipe, from random weights\n" + _ways(of_kind["full"]))
    return "\n\n".join(parts)


def _students(runs: list[dict[str, Any]]) -> list[str]:
    flow = [run for run in runs if run["way"] == "information flow"]
    lines = []
    for way in COMPARED:
        others = {run["seed"]: run for run in runs if run["way"] == way}
        both = [(run, others[run["seed"]]) for run in flow if run["seed"] in others]
        if both:
            gaps = [_sign(mean(mine[metric] - its[metric] for mine, its in both)) for metric in METRICS]
            lines.append(f"- {way}: {' / '.join(gaps)} ({_seeds([mine for mine, _ in both])})")
    return [
        "### Its student, trained anew\n15,050 parameters from random weights, 15 epochs, taught by the published"
        " auxiliary (KD: by the network trained on labels); the published recipe, a new Adam in each epoch included."
        " The accuracy is that of a head fitted to the features. Rows of seeds 0 and 1 are by the script as of 773a641,"
        " with the critical period as over 50 epochs; `published recipe` is that of the library, which presses it"
        " together to the 15.\n\n" + _ways(runs),
        "Information flow minus\n" + "\n".join(lines),
    ]


def _ablation(runs: list[dict[str, Any]]) -> list[str]:
    return [
        "### What makes the student better\nThe same 15 epochs, with what the row names changed. The rows were compared"
        " on the test images, so the best of them is a little flattered; the script as of 773a641 ran them.\n\n"
        + _ways(runs, changes=True),
    ]


def _ways(runs: list[dict[str, Any]], *, changes: bool = False) -> str:
    rows = []
    for way in dict.fromkeys(run["way"] for run in runs):
        mine = [run for run in runs if run["way"] == way]
        scores = {name: mean(run[name] for run in mine) for name in (*METRICS, "accuracy of a fitted head")}
        row = [way, _seeds(mine), _pair(scores), f"{scores['accuracy of a fitted head']:.1f}"]
        if changes:
            row.append(", ".join(f"{name} {value}" for name, value in mine[0]["changed"].items()) or "–")
        rows.append(row)
    return _table(["", "seeds", "mAP", "accuracy", *(["settings"] if changes else [])], rows)


def nn_step(record: dict[str, Any]) -> str:
    ratios = record["ratio to stepdown"]
    spread = " to ".join(map(str, record["spread of the ratio as published"]))
    return "\n\n".join(
        [
            "### A step of training",
            f"Whole steps at batch {record['batch']} on one core, {record['rounds']} rounds interleaved, images one by"
            f" one with {record['images']} on the straightforward side; processor time, torch {record['torch']}. The"
            f" middle four fifths of the rounds gave {spread} for the recipe as published.",
            _table(
                ["", "milliseconds", "times stepdown's"],
                [[name, value, ratios.get(name, "")] for name, value in record["milliseconds"].items()],
            ),
        ]
    )


def nn_loss(record: dict[str, Any]) -> str:
    rows = []
    for batch in record["batches"]:
        for name, speed in batch["speed"].items():
            rows.append([batch["rows"], name, speed, f"{100 * batch['memory'][name]:.0f} %"])
    return "\n\n".join(
        [
            "### The information-flow loss",
            "Four layers, forward and backward, against one kernel after the other with autograd: with the teacher's"
            " features detached, and as the recipe is published, with gradients for them too. Memory is stepdown's"
            " share of the other's. The largest relative error of a float32 gradient is"
            f" {max(batch['largest relative error of a gradient in float32'] for batch in record['batches']):.0e}.",
            _table(["rows of a batch", "against", "times as fast", "memory"], rows),
        ]
    )


def nn_flow_scale(record: dict[str, Any]) -> str:
    return "\n\n".join(
        [
            "### Schedules in short trainings",
            f"`benchmarks/networks/nn_flow_scale.py`: {record['about']['data']}; {record['epochs']} epochs, seeds"
            f' {_range(record["seeds"])}; percent, mean and, of the seeds, standard deviation. "published" is the'
            ' critical period with weights of 100, 70, 49 ...; "relative" the same shape with 1 as the largest weight.',
            _table(
                ["", "mAP", "accuracy"],
                [
                    [name, _spread(found["retrieval"]), _spread(found["accuracy"])]
                    for name, found in record["percent"].items()
                ],
            ),
        ]
    )


def nn_demo(record: dict[str, Any]) -> str:
    names = list(dict.fromkeys(name for found in record["retrieval"].values() for name in found))
    rows = [[name, *(_spread(found[name]) for found in record["retrieval"].values())] for name in names]
    return "\n\n".join(
        [
            "### The settings of `stepdown nn-demo`",
            f"`benchmarks/networks/nn_demo.py`: mAP in percent on a third of the training half of scikit-learn's"
            f" digits, {record['about']['epochs']} epochs, seeds {_range(record['seeds'])}; a column for each choice of"
            " the student's widths. The demonstration shows the other half, which chose nothing.",
            _table(["", *record["retrieval"]], rows),
        ]
    )


def nn_cache(record: dict[str, Any]) -> str:
    rows = [
        [name, found["ratio of an epoch"], found["filling, in epochs"], f"{found['bytes a row on disk']:,}"]
        for name, found in record["teachers"].items()
    ]
    return "\n\n".join(
        [
            "### A teacher's features from the disk",
            f"An epoch of {record['about']['rows']:,} rows with the teacher's network against the same with"
            " `CachedTeacher`, on one core.",
            _table(["teacher", "times as fast", "filling, in epochs", "bytes a row"], rows),
        ]
    )


def retrieval(record: dict[str, Any]) -> str:
    asked = record["arguments"]
    rows = [
        [found["metric"], name, f"{ratio:.1f}"]
        for found in record["results"]
        for name, ratio in found["ratios"].items()
    ]
    return "\n\n".join(
        [
            "### Retrieval scores",
            f"{asked['queries']:,} queries against {asked['database']:,} rows of {asked['features']} features, ranked"
            " in full, one core: `retrieval_scores` against scikit-learn's brute force in one call (`kneighbors`),"
            " in batches, and in batches with the scores worked out from the ranks.",
            _table(["metric", "against", "times as fast"], rows),
        ]
    )


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.1f} ± {stdev(values):.1f}"


def _range(numbers: Sequence[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}"


def _pair(run: dict[str, Any], suffix: str = "") -> str:
    return " / ".join(f"{run[metric + suffix]:.2f}" for metric in METRICS)


def _sign(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _seeds(runs: Sequence[dict[str, Any]]) -> str:
    return "seeds " + ", ".join(str(run["seed"]) for run in runs) if len(runs) > 1 else f"seed {runs[0]['seed']}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
