"""What the page docs/when-hops-help.md says of networks; see `report_study.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.study.analysis import summary
from benchmarks.study.words import cell, clear, labels_of, table

NET_WAYS = ("bridge", "dense", "one-hop, stopped teacher", "control")
SCORES = {"KD": "KD, accuracy", "information flow": "information flow, accuracy", "retrieval": "information flow, mAP"}


def network_answer(differences: list[dict[str, Any]]) -> str:
    said = ["Against one hop, over data, rows, labels and scores."]
    for way, name in (
        ("bridge", "A wider network in between"),
        ("dense", "Both as teachers"),
        ("one-hop, stopped teacher", "One hop from a teacher that was stopped early"),
    ):
        mine = [row["ways"][way] for row in differences]
        said.append(f"{name}: intervals {clear(mine)}.")
    return " ".join(said) + " The table is [below](#networks)."


def network_differences(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Every way less one hop, over seeds: of each data set, size, noise, and score."""
    rows = []
    situations = dict.fromkeys((run["data"], run["rows"], run["noise"]) for run in record["runs"])
    for data, n, noise in sorted(situations, key=lambda key: (key[0] != "digits", key[1:])):
        mine = [run for run in record["runs"] if (run["data"], run["rows"], run["noise"]) == (data, n, noise)]
        for score in SCORES:
            of: Callable[[dict[str, Any]], dict[str, float]] = lambda run, s=score: (  # noqa: E731
                run["retrieval"] if s == "retrieval" else run["test"][s]
            )
            alone = [run["retrieval"] if score == "retrieval" else run["test"]["labels"] for run in mine]
            one = [of(run)["one-hop"] for run in mine]
            rows.append(
                {
                    "data": data,
                    "rows": n,
                    "noise": noise,
                    "score": score,
                    "seeds": len(mine),
                    "one-hop": 100 * sum(one) / len(one),
                    "one-hop − labels alone": summary(
                        100 * (b - a["labels alone"]) for a, b in zip(alone, one, strict=True)
                    ),
                    "ways": {
                        way: summary(100 * (of(run)[way] - of(run)["one-hop"]) for run in mine) for way in NET_WAYS
                    },
                }
            )
    return rows


def between_networks(record: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    settings = record["settings"]
    yield "## Networks"
    for name, about in settings.items():
        sizes = ", ".join(f"{which} {count:,}" for which, count in about["parameters"].items())
        images = f" Images: {about['images']}." if about["images"] else ""
        epochs = ", ".join(f"{epochs} epochs of {int(n):,} rows" for n, epochs in about["epochs"].items())
        yield f"- **{name}**: parameters: {sizes}; {epochs}; {about['test_rows']} test rows.{images}"
    yield (
        "In a run all students start from the same weights and see the same batches. **Bridge**: a wider network"
        " that the"
        " teacher has taught, asked alone. **Dense**: teacher and bridge together. **Stopped teacher**: one hop from a"
        " teacher that was stopped early by a fifth of its rows, which it didn't learn from. **Control**: the wider"
        " network"
        " learned from the labels alone. Information flow doesn't use labels; its head is fitted afterwards. mAP: mean"
        " average precision of ranking training rows, by their true labels, for each test row. Points, mean over"
        " seeds ±"
        " standard error."
    )
    yield "![Between networks](figures/study-networks.svg)"
    yield table(
        [
            "data",
            "rows",
            "labels",
            "score",
            "seeds",
            "one-hop",
            "one-hop − labels alone",
            *(f"{way} − one-hop" for way in NET_WAYS),
        ],
        [
            [
                row["data"],
                row["rows"],
                labels_of(row["noise"]),
                SCORES[row["score"]],
                row["seeds"],
                f"{row['one-hop']:.1f} %",
                cell(row["one-hop − labels alone"]),
                *(cell(row["ways"][way], interval_too=True) for way in NET_WAYS),
            ]
            for row in rows
        ],
    )
    seeds = sorted({row["seeds"] for row in rows})
    yield (
        f"{len(rows)} comparisons in a column, of which {0.05 * len(rows):.1f} would lie off 0 by chance. Wilcoxon's"
        " test"
        f" over {' or '.join(map(str, seeds))} seeds gives no p below {2 ** (1 - seeds[-1]):.2f}, so intervals stand"
        " alone."
    )
    noisy = [run for run in record["runs"] if run["noise"]]
    shares = {
        name: [run["wrong_labels_repeated"][name] for run in noisy if run["data"] == data]
        for data in settings
        for name in ("teacher", "stopped teacher")
    }
    told = ", ".join(
        f"{data}: {_mean(noisy, data, 'teacher')} by the teacher, {_mean(noisy, data, 'stopped teacher')} by the"
        " stopped one"
        for data in settings
    )
    if shares:
        yield f"Of the labels that were made wrong, the share that is repeated on training rows: {told}."


def _mean(runs: Sequence[dict[str, Any]], data: str, name: str) -> str:
    values = [run["wrong_labels_repeated"][name] for run in runs if run["data"] == data]
    return f"{100 * sum(values) / len(values):.0f} %"
