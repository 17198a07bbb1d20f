"""What `study.py`'s runs say: effects by situation, what goes with them, and what each advice of `diagnose` was worth.

Everything is a difference between two ways in the same run, in points of test accuracy. Differences are averaged within
a data set first, so that data sets are what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t, wilcoxon

Run = dict[str, Any]
Value = Callable[[Run], float]

KEYS = ("student", "rows", "noise", "given", "teacher")
FACTS = (
    "fewest_rows_of_a_class", "classes", "teacher_signal", "overfit", "confidence_gap", "calibration_error_in_sample",
    "label_error_share", "repeats_label_errors", "teacher_lead", "teacher_lead_std_errors", "training_gain",
    "capacity_gap", "complexity_ratio", "agreement", "information_unique_teacher", "information_redundant",
    "student_kind",
    "teacher_accuracy", "student_trained_accuracy", "bag_accuracy", "teacher_accuracy_in_sample",
)  # fmt: skip
"""What is kept of a diagnosis."""
FEWEST_SETS = 5
"""Below these no interval is worth printing."""
POLICIES = ("one-hop", "one-hop, regularised teacher", "multihop-bare", "control")
WAY = {
    "labels-alone-linear": "labels",
    "nothing-to-hand-on": "labels",
    "labels-alone-few-trees": "labels",
    "bridge-hard-answers": "multihop-bare",
    "bridge-memorised-noise": "multihop-bare",
    "one-hop-network": "one-hop",
    "one-hop-many-rows": "one-hop",
    "one-hop-frozen": "one-hop",
    "one-hop": "one-hop",
}
"""Which way each recommended way is."""


def gap(one: str, other: str, method: str = "default") -> Value:
    """By how many points one way was better than another of the same run."""
    return lambda run: 100 * (run["test"][method][one] - run["test"][method][other])


def has(run: Run, *ways: str, method: str = "default") -> bool:
    return all(way in run["test"].get(method, {}) for way in ways)


def over_sets(runs: Sequence[Run], value: Value) -> dict[str, float | int | None]:
    """Mean of a value within data sets, then over them: standard error, 95 % interval by t, p by Wilcoxon's test."""
    of_set: dict[str, list[float]] = {}
    for run in runs:
        of_set.setdefault(run["data"], []).append(value(run))
    return summary([float(np.mean(values)) for values in of_set.values()]) | {"sets": len(of_set), "runs": len(runs)}


def summary(gaps: Iterable[float]) -> dict[str, float | int | None]:
    values = np.array(list(gaps))
    n = len(values)
    if n < 2:
        return {"mean": round(float(values.mean()), 2) if n else None}
    error = float(values.std(ddof=1) / np.sqrt(n))
    half = float(t.ppf(0.975, n - 1)) * error
    mean = float(values.mean())
    return {
        "mean": round(mean, 2),
        "std_error": round(error, 2),
        "low": round(mean - half, 2),
        "high": round(mean + half, 2),
        "p": round(float(wilcoxon(values).pvalue), 4) if np.any(values) else 1.0,
        "better": int(np.sum(values > 0)),
        "worse": int(np.sum(values < 0)),
        "worst": round(float(values.min()), 1),
        "best": round(float(values.max()), 1),
    }


def grouped(runs: Sequence[Run], keys: Sequence[str]) -> list[tuple[dict[str, Any], list[Run]]]:
    """Runs that agree in some keys, in the order in which they came."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(tuple(run[key] for key in keys), []).append(run)
    return [(dict(zip(keys, values, strict=True)), mine) for values, mine in found.items()]


CONTRASTS = {
    "teacher, one-hop": ("one-hop", "labels"),
    "bridge": ("multihop-bare", "one-hop"),
    "averaged": ("multihop-averaged", "one-hop"),
    "further rows": ("one-hop-rows", "one-hop"),
    "bridge, against further rows": ("multihop-bare", "one-hop-rows"),
    "bridge, against the control": ("multihop-bare", "control"),
    "bridge, against the regularised teacher": ("multihop-bare", "one-hop, regularised teacher"),
    "regularised teacher": ("one-hop, regularised teacher", "one-hop"),
    "bridge, against labels": ("multihop-bare", "labels"),
}


def situations(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Effects by what is known without looking at the rows; the kinds of teachers together."""
    rows = []
    for situation, mine in grouped(runs, ("student", "rows", "noise", "given")):
        effects = {
            name: over_sets(those, gap(*ways))
            for name, ways in CONTRASTS.items()
            if (those := [run for run in mine if has(run, *ways)])
        }
        rows.append(situation | {"effects": effects})
    return rows


def by_teacher(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The bridge's advantage for each kind of teacher, where both kinds taught."""
    pairs = {key for key, mine in _situations(runs).items() if len({run["teacher"] for run in mine}) > 1}
    return [
        situation | {"effect": over_sets(mine, gap("multihop-bare", "one-hop"))}
        for situation, mine in grouped(runs, KEYS)
        if tuple(situation[key] for key in KEYS[:4]) in pairs
    ]


def _situations(runs: Sequence[Run]) -> dict[tuple[Any, ...], list[Run]]:
    return {tuple(situation.values()): mine for situation, mine in grouped(runs, KEYS[:4])}


def by_method(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Several hops less one, each hop by the same method."""
    rows = []
    for situation, mine in grouped(runs, ("student", "rows", "noise", "given")):
        methods = [name for name in mine[0]["test"] if name != "default"]
        effects = {name: over_sets(mine, gap("multihop", "one-hop", name)) for name in methods}
        if effects:
            rows.append(situation | {"effects": effects})
    return rows


def fewer_rows(runs: Sequence[Run], *, student: str, few: int, many: int) -> list[dict[str, Any]]:
    """The bridge's advantage with few rows less that with many, on the data sets that have both."""
    mine = [run for run in runs if run["student"] == student]
    found = []
    for situation, those in grouped(mine, ("given", "noise")):
        of: dict[int, dict[str, list[float]]] = {few: {}, many: {}}
        for run in those:
            if run["rows"] in of:
                of[run["rows"]].setdefault(run["data"], []).append(gap("multihop-bare", "one-hop")(run))
        both = [name for name in of[few] if name in of[many]]
        if len(both) >= FEWEST_SETS:
            effect = summary(float(np.mean(of[few][name]) - np.mean(of[many][name])) for name in both)
            found.append(
                situation | {"few": few, "many": many, "student": student, "sets": len(both), "effect": effect}
            )
    return found


NUMBERS = tuple(name for name in FACTS if name not in ("teacher_signal", "student_kind"))


def what_goes_with_it(runs: Sequence[Run], *, draws: int = 1000) -> list[dict[str, Any]]:
    """Rank correlation of the bridge's advantage with what could be known; intervals by bootstrap over sets."""
    rows = []
    for kind, mine in (
        ("frozen", [r for r in runs if r["given"] != "again"]),
        ("again", [r for r in runs if r["given"] == "again"]),
    ):
        gains = np.array([gap("multihop-bare", "one-hop")(run) for run in mine])
        for fact in NUMBERS:
            values = np.array([np.nan if run["facts"].get(fact) is None else float(run["facts"][fact]) for run in mine])
            if np.isfinite(values).sum() < 10 or np.nanstd(values) == 0:
                continue
            low, high = _bootstrap(mine, values, gains, draws)
            rows.append(
                {
                    "given": kind,
                    "fact": fact,
                    "correlation": round(rank_correlation(values, gains), 2),
                    "low": round(low, 2),
                    "high": round(high, 2),
                    "runs": int(np.isfinite(values).sum()),
                }
            )
    return sorted(rows, key=lambda row: (row["given"], -abs(row["correlation"])))


def _bootstrap(
    runs: Sequence[Run], values: NDArray[np.float64], gains: NDArray[np.float64], draws: int
) -> tuple[float, float]:
    random = np.random.default_rng(0)
    sets = list(dict.fromkeys(run["data"] for run in runs))
    of_set = [np.flatnonzero([run["data"] == name for run in runs]) for name in sets]
    drawn = []
    for _ in range(draws):
        places = np.concatenate([of_set[place] for place in random.integers(len(sets), size=len(sets))])
        drawn.append(rank_correlation(values[places], gains[places]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    ranks = [rankdata(values[known]) for values in (a, b)]
    return float(np.corrcoef(ranks)[0, 1]) if known.any() and min(np.std(part) for part in ranks) > 0 else float("nan")


@dataclass(frozen=True)
class Worth:
    """What an advice claims, as a difference: what it tells to do less what could be done instead.

    It claims a gain, or that nothing is lost by what is simpler.
    """

    says: str
    one: str
    other: str
    among: Callable[[Run], bool] = lambda run: True
    gain: bool = True


def _of(kind: str) -> Callable[[Run], bool]:
    return lambda run: run["facts"]["student_kind"] == kind


def _given(*how: str) -> Callable[[Run], bool]:
    return lambda run: run["given"] in how


LABELS = "labels alone − one-hop"
BRIDGE = "bridge − one-hop"
ONE_HOP = "one-hop − bridge"
ADVICE: dict[str, list[Worth]] = {
    "regularise-the-teacher": [
        Worth("regularised − as it is, one-hop", "one-hop, regularised teacher", "one-hop", _given("again")),
        Worth("a bag instead − as it is, one-hop", "control", "one-hop", _given("again")),
    ],
    "train-the-student-well": [Worth("trainer − plain fit, labels alone", "labels", "plain")],
    "labels-alone-linear": [Worth(LABELS, "labels", "one-hop", _of("linear"), gain=False)],
    "bridge-hard-answers": [Worth(BRIDGE, "multihop-bare", "one-hop", _given("hard answers"))],
    "bridge-memorised-noise": [
        Worth(BRIDGE, "multihop-bare", "one-hop", _given("frozen")),
        *(
            Worth(
                f"{BRIDGE}, {told}",
                "multihop-bare",
                "one-hop",
                lambda run, n=noise: run["given"] == "frozen" and run["noise"] == n,
            )
            for noise, told in ((0.0, "labels as they came"), (0.2, "labels drawn anew"))
        ),
        Worth("bridge − one-hop with further rows", "multihop-bare", "one-hop-rows", _given("frozen")),
        Worth("bridge − a bridge that never saw the teacher", "multihop-bare", "control", _given("frozen")),
    ],
    "nothing-to-hand-on": [Worth(LABELS, "labels", "one-hop", _given("again"), gain=False)],
    "labels-alone-few-trees": [Worth(LABELS, "labels", "one-hop", _of("few trees"), gain=False)],
    "one-hop-network": [
        Worth(ONE_HOP, "one-hop", "multihop-bare", _of("network"), gain=False),
        Worth("one-hop − labels alone", "one-hop", "labels", _of("network")),
    ],
    "one-hop-frozen": [
        Worth(ONE_HOP, "one-hop", "multihop-bare", _given("frozen", "hard answers"), gain=False),
        Worth("one-hop − labels alone", "one-hop", "labels", _given("frozen", "hard answers")),
    ],
    "one-hop": [
        Worth(ONE_HOP, "one-hop", "multihop-bare", _given("again"), gain=False),
        Worth("one-hop − labels alone", "one-hop", "labels", _given("again")),
    ],
    "any-good-model": [Worth("a bag instead − the teacher, one-hop", "control", "one-hop", _of("tree"), gain=False)],
}


def what_advice_was_worth(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What each advice claims, in the runs in which it was given and in comparable ones in which it wasn't."""
    rows = []
    for name, worths in ADVICE.items():
        for worth in worths:
            able = [run for run in runs if has(run, worth.one, worth.other) and worth.among(run)]
            parts = {
                "told": [run for run in able if name in run["advice"]],
                "not told": [run for run in able if name not in run["advice"]],
            }
            found = {part: over_sets(mine, gap(worth.one, worth.other)) for part, mine in parts.items() if mine}
            rows.append({"advice": name, "difference": worth.says, "gain": worth.gain, **found})
    return rows + _across(runs)


def _across(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Advice about how the teacher is given: compared between runs that differ in nothing else."""
    others = {_key(run, given=run["given"]): run for run in runs}
    thaw, ask = "thaw-the-teacher", "ask-for-probabilities"
    cases = [
        (thaw, "frozen", "again", "one-hop", "one-hop", "trained again, one-hop − frozen, one-hop"),
        (thaw, "frozen", "again", "one-hop", "multihop-bare", "trained again, one-hop − frozen, bridge"),
        (
            thaw,
            "frozen",
            "again",
            "one-hop, regularised teacher",
            "multihop-bare",
            "and regularised, one-hop − frozen, bridge",
        ),
        (thaw, "frozen", "again", "multihop-bare", "multihop-bare", "trained again, bridge − frozen, bridge"),
        (ask, "hard answers", "frozen", "one-hop", "one-hop", "probabilities − hard answers, one-hop"),
        (ask, "hard answers", "frozen", "multihop-bare", "multihop-bare", "probabilities − hard answers, bridge"),
    ]
    rows = []
    for name, how, better, one, other, says in cases:
        parts: dict[str, list[Run]] = {"told": [], "not told": []}
        for run in runs:
            twin = others.get(_key(run, given=better))
            if run["given"] == how and twin is not None:
                ways = {one: twin["test"]["default"][one], f"{how}: {other}": run["test"]["default"][other]}
                parts["told" if name in run["advice"] else "not told"].append(run | {"test": {"default": ways}})
        found = {part: over_sets(mine, gap(one, f"{how}: {other}")) for part, mine in parts.items() if mine}
        rows.append({"advice": name, "difference": says, "gain": True, **found})
    return rows


def _key(run: Run, *, given: str) -> tuple[Any, ...]:
    return (run["data"], run["student"], run["rows"], run["noise"], run["teacher"], run["seed"], given)


def told_of_labels(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """How often `look-at-the-labels` was told, and how many labels were doubted, by how many had been drawn anew."""
    return [
        situation
        | {
            "told": sum("look-at-the-labels" in run["advice"] for run in mine),
            "runs": len(mine),
            "wrong": round(100 * float(np.mean([run["wrong_labels"] for run in mine])), 1),
            "doubted": round(100 * float(np.mean([run["facts"]["label_error_share"] for run in mine])), 1),
        }
        for situation, mine in grouped(runs, ("noise",))
    ]


BASE = "labels"
AGAINST = (
    ("multihop-bare", "one-hop"),
    ("multihop-bare", "control"),
    ("one-hop, regularised teacher", "one-hop"),
    ("control", "one-hop"),
)


def policies(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Always the same way, and the way that `diagnose` recommended, against labels alone with the trainer."""
    rows = []
    for situation, mine in grouped(runs, ("given", "noise")):
        row = {name: over_sets(mine, gap(name, BASE)) for name in POLICIES}
        row |= {f"{one} − {other}": over_sets(mine, gap(one, other)) for one, other in AGAINST}
        row["as advised"] = over_sets(mine, lambda run: gap(advised(run), BASE)(run))
        for way in ("one-hop", "multihop-bare"):
            row[f"as advised − {way}"] = over_sets(mine, lambda run, w=way: gap(advised(run), w)(run))
        row["best of three in hindsight"] = over_sets(mine, _best)
        rows.append(situation | {"ways": row})
    return rows


def _best(run: Run) -> float:
    return max(gap(name, BASE)(run) for name in (BASE, "one-hop", "multihop-bare"))


def advised(run: Run) -> str:
    """The way that `diagnose` recommended."""
    return next(WAY[name] for name in run["advice"] if name in WAY)


def analysed(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "situations": situations(runs),
        "by teacher": by_teacher(runs),
        "fewer rows": fewer_rows(runs, student="tree of depth 4", few=300, many=1000),
        "by method": by_method(runs),
        "what goes with it": what_goes_with_it(runs),
        "advice": what_advice_was_worth(runs),
        "labels": told_of_labels(runs),
        "policies": policies(runs),
    }
