"""How long a retrieval evaluation takes, as ratios to scikit-learn's brute force on the same core in the same run.

    python -m benchmarks.networks.retrieval --out benchmarks/results/retrieval.json

Each round times, one after another: `retrieval_scores`; `kneighbors` with the whole database as neighbours for all
queries in one call, as it comes (indices and distances); `kneighbors` without distances in batches of 128 queries, the
fastest way to call it; and a whole evaluation, that is the latter and the scores from its ranking in plain NumPy. What
is reported is the median over the rounds of the ratio within a round, and that both evaluations agree. Only the last
ratio compares the same work; the others stop at the ranking.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from benchmarks.common.record import write
from stepdown.nn import retrieval_scores

BATCH = 128


def made(n_database: int, n_queries: int, n_features: int, n_classes: int) -> tuple[NDArray[Any], ...]:
    """Features after a rectifier, as a network's last layer but one has them, that overlap between classes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n_classes, n_features))
    parts = []
    for size in (n_database, n_queries):
        labels = rng.integers(0, n_classes, size)
        features = np.maximum(0.6 * centres[labels] + rng.normal(size=(size, n_features)), 0.0)
        parts += [features.astype(np.float32), labels]
    return tuple(parts)


def fitted(X: NDArray[Any], metric: str) -> NearestNeighbors:
    return NearestNeighbors(n_neighbors=len(X), algorithm="brute", metric=metric, n_jobs=1).fit(X)


def neighbours(X: NDArray[Any], Q: NDArray[Any], metric: str) -> list[float]:
    fitted(X, metric).kneighbors(Q)
    return []


def neighbours_in_batches(X: NDArray[Any], Q: NDArray[Any], metric: str) -> list[float]:
    index = fitted(X, metric)
    for start in range(0, len(Q), BATCH):
        index.kneighbors(Q[start : start + BATCH], return_distance=False)
    return []


def evaluation(X: NDArray[Any], y: NDArray[Any], Q: NDArray[Any], wanted: NDArray[Any], metric: str) -> list[float]:
    index = fitted(X, metric)
    ranks, levels = np.arange(1, len(X) + 1), np.arange(11) / 10 - 1e-12
    eleven, plain, at_100 = [], [], []
    for start in range(0, len(Q), BATCH):
        ranking = index.kneighbors(Q[start : start + BATCH], return_distance=False)
        relevant = y[ranking] == wanted[start : start + BATCH, None]
        found = np.cumsum(relevant, axis=1)
        precision, recall = found / ranks, found / found[:, -1:]
        plain += ((precision * relevant).sum(axis=1) / found[:, -1]).tolist()
        at_100 += precision[:, 99].tolist()
        interpolated = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        for one, its_recall in zip(interpolated, recall, strict=True):
            eleven.append(one[np.searchsorted(its_recall, levels)].mean())
    return [float(np.mean(scores)) for scores in (eleven, plain, at_100)]


def ours(X: NDArray[Any], y: NDArray[Any], Q: NDArray[Any], wanted: NDArray[Any], metric: Any) -> list[float]:
    scores = retrieval_scores(X, y, Q, wanted, metric=metric, block=BATCH)
    return [scores.map_11, scores.mean_average_precision, scores.precision_at[100]]


def timed(work: Callable[..., list[float]], *arguments: Any) -> tuple[float, list[float]]:
    started = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - started, result


def measured(metric: str, data: tuple[NDArray[Any], ...], rounds: int) -> dict[str, Any]:
    X, y, Q, wanted = data
    ours(X, y, Q[:BATCH], wanted[:BATCH], metric)
    evaluation(X, y, Q[:BATCH], wanted[:BATCH], metric)
    names = ("retrieval_scores", "kneighbors", "indices in batches", "evaluation")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        mine, scores = timed(ours, *data, metric)
        seconds["retrieval_scores"].append(mine)
        seconds["kneighbors"].append(timed(neighbours, X, Q, metric)[0])
        seconds["indices in batches"].append(timed(neighbours_in_batches, X, Q, metric)[0])
        theirs, reference = timed(evaluation, *data, metric)
        seconds["evaluation"].append(theirs)
    # Two ways of computing distances in float32 may swap rows that are equally far up to rounding.
    np.testing.assert_allclose(scores, reference, atol=1e-4)
    ratios = {
        name: statistics.median(t / m for t, m in zip(times, seconds["retrieval_scores"], strict=True))
        for name, times in seconds.items()
        if name != "retrieval_scores"
    }
    figures = dict(zip(["map_11", "mean_average_precision", "precision_at_100"], scores, strict=True))
    return {"metric": metric, "ratios": ratios, "seconds": seconds, "scores": figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--database", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    data = made(args.database, args.queries, args.features, args.classes)
    with threadpool_limits(1):
        rows = [measured(metric, data, args.rounds) for metric in ("cosine", "euclidean")]
    for row in rows:
        ratios = ", ".join(f"{name} {ratio:.1f}" for name, ratio in row["ratios"].items())
        own = statistics.median(row["seconds"]["retrieval_scores"])
        print(f"{row['metric']}: {own:.2f} s; times as long: {ratios}")
    if args.out:
        packages = ["stepdown", "scikit-learn", "numpy", "scipy"]
        versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
        record = {"schema": 1, "versions": versions, "machine": platform.machine(),
                  "arguments": vars(args), "results": rows}  # fmt: skip
        write(args.out, record)
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
