"""Write docs/when-hops-help.md and its figures from the study's JSON, so that no number in them is typed by hand.

python -m benchmarks.study.report
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.keel import SUITE
from benchmarks.common.record import RESULTS, read
from benchmarks.study.analysis import FEWEST_SETS
from benchmarks.study.figures import draw_networks, draw_situations, draw_ways
from benchmarks.study.report_networks import NET_WAYS, between_networks, network_answer, network_differences
from benchmarks.study.words import GIVEN, cell, clear, interval, labels_of, many, name_of, number, table
from benchmarks.tabular.tabular import averages

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "when-hops-help.md"
FIGURES = ROOT / "docs" / "figures"
POINT = 1.0
TREE = "tree of depth 4"

HEAD = """# When several hops helped: the study

Written by `python -m benchmarks.study.report` from `benchmarks/results/study.json` and `study_networks.json`; `make
bench-study` makes them anew. It asks when a chain teacher → bridge → student is better than one hop with the same
trainer, and what does better than either. What disappoints stays in. [`diagnose`](diagnose.md) asks the same of your
own rows; [below](#what-each-advice-of-diagnose-was-worth) its advice is held against this study.
"""


def main() -> None:
    record = read(RESULTS / "study.json")
    networks = read(RESULTS / "study_networks.json")
    FIGURES.mkdir(exist_ok=True)
    differences = network_differences(networks)
    draw_situations(enough(record["situations"]), FIGURES / "study-situations.svg", name_of)
    draw_ways(record["policies"], FIGURES / "study-ways.svg", name_of)
    draw_networks(differences, FIGURES / "study-networks.svg", NET_WAYS)
    parts = [HEAD.strip(), *answer(record, differences), *estimators(record), *between_networks(networks, differences)]
    parts += [*advice(record), *limits(record, networks)]
    PAGE.write_text("\n\n".join(parts) + "\n")
    print(f"wrote {PAGE}")


def enough(rows: Sequence[dict[str, Any]], effect: str = "bridge") -> list[dict[str, Any]]:
    """Situations of which enough data sets were run."""
    return [row for row in rows if row["effects"].get(effect, {}).get("sets", 0) >= FEWEST_SETS]


def answer(record: dict[str, Any], differences: list[dict[str, Any]]) -> Iterator[str]:
    rows = enough(record["situations"])
    better = [row for row in rows if row["effects"]["bridge"]["low"] > 0]
    worse = [row for row in rows if row["effects"]["bridge"]["high"] < 0]
    ways = {(row["given"], row["noise"]): row["ways"] for row in record["policies"]}
    yield "## The answer"
    yield "\n".join(f"- {sentence}" for holds, sentence in in_short(record, rows, ways) if holds)
    yield elsewhere(read(RESULTS / "default.json"))
    yield (
        f"**Situation by situation.** Of {len(rows)} situations with estimators (student × rows × labels × how the"
        " teacher is"
        f" given) the bridge was better than one hop in {len(better)} (95 % interval above 0), worse in"
        f" {len(worse)}, and"
        f" not told apart from it in {len(rows) - len(better) - len(worse)}."
    )
    if better:
        yield "Better:\n" + "\n".join(_line(row) for row in _by_mean(better))
    if worse:
        yield "Worse:\n" + "\n".join(_line(row) for row in _by_mean(worse))
    yield "**By how the teacher is given**, all students and sizes together:"
    yield table(
        [
            "teacher",
            "labels",
            "bridge − one-hop",
            "one-hop − labels alone",
            "bridge − labels alone",
            "bridge − control",
        ],
        [
            [GIVEN[row["given"]], labels_of(row["noise"]), *(cell(row["ways"][name]) for name in OVERALL)]
            for row in record["policies"]
        ],
    )
    sizes = sorted({row["rows"] for row in rows if row["student"] == TREE})
    yield f"**By rows**, for a {TREE}: bridge − one-hop."
    yield table(
        ["teacher", "labels", *(f"{size:,} rows" for size in sizes)],
        [
            [
                GIVEN[given],
                labels_of(noise),
                *(cell(_effect(rows, TREE, size, noise, given), interval_too=True) for size in sizes),
            ]
            for given, noise in ways
        ],
    )
    control = [row["ways"]["multihop-bare − control"] for row in record["policies"]]
    yield (
        "**The control** is a bridge that learned from the labels alone. Against it the intervals of the bridge lie"
        f" {clear(control)}; where they hold 0, what helps is out-of-bag knowledge, not the teacher's."
    )
    yield "**What else one could do.** In points against one hop, in the same runs:"
    yield table(
        ["teacher", "labels", "teacher regularised, one-hop", "a bag of trees instead, one-hop (control)", "bridge"],
        [
            [GIVEN[given], labels_of(noise), *(cell(ways[given, noise][name], interval_too=True) for name in INSTEAD)]
            for given, noise in ways
        ],
    )
    thawed = [row for row in record["advice"] if row["advice"] == "thaw-the-teacher" and "told" in row]
    yield "A frozen teacher that may be made again after all, where `diagnose` found it worth saying:\n" + "\n".join(
        f"- {row['difference']}: {cell(row['told'], interval_too=True)}" for row in thawed
    )
    yield "**Between networks.** " + network_answer(differences)
    yield f"![Every way against labels alone](figures/{FIGURES.joinpath('study-ways.svg').name})"


def in_short(
    record: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    ways: dict[tuple[str, float], dict[str, dict[str, Any]]],
) -> Iterator[tuple[bool, str]]:
    """Sentences, each with the condition under which the numbers bear it; the others stay out of the page."""
    bridge = {key: of["multihop-bare − one-hop"] for key, of in ways.items()}
    control = [of["multihop-bare − control"] for of in ways.values()]
    noisy, clean, hard = bridge["frozen", 0.2], bridge["frozen", 0.0], bridge["hard answers", 0.0]
    again = [bridge["again", noise] for noise in (0.0, 0.2)]
    noisy_frozen = [row for row in record["fewer rows"] if row["given"] == "frozen" and row["noise"]]
    fewer = noisy_frozen[0] if noisy_frozen else None
    large = _effect(rows, TREE, fewer["many"], fewer["noise"], "frozen") if fewer else None
    yield (
        noisy["low"] > 0,
        "**A bridge paid under a frozen teacher that had learned from partly wrong labels**:"
        f" {cell(noisy)} points against one hop, which was itself {cell(ways['frozen', 0.2]['one-hop'])} against labels"
        " alone.",
    )
    yield (
        hard["low"] > 0,
        f"It paid where a frozen teacher gives hard answers, on labels as they came: {cell(hard)}.",
    )
    yield (
        holds_zero(clean),
        "Under a frozen teacher with probabilities, on labels as they came, it stays open over all students and sizes"
        f" ({cell(clean)}).",
    )
    yield (
        all(holds_zero(effect) for effect in again),
        "**It made no difference that this study can see under a teacher that may be made again**:"
        f" {cell(again[0])} on labels as they came, {cell(again[1])} where a fifth was drawn anew.",
    )
    yield (
        fewer is not None and fewer["effect"]["low"] > 0,
        "**It paid more with few rows**: under a frozen teacher with labels drawn anew the bridge's gain for a"
        " single tree"
        f" was {cell(fewer['effect'], interval_too=True)} points larger with {fewer['few']:,} rows than with"
        f" {fewer['many']:,}, on the {fewer['sets']} data sets that have both; with {fewer['many']:,} it is"
        f" {cell(large, interval_too=True)}."
        if fewer
        else "",
    )
    yield (
        all(holds_zero(effect) for effect in control),
        "**What paid wasn't this teacher's knowledge**: a bridge that learned from the labels alone did as well in"
        " every"
        " group, as far as the intervals tell. What helped is answers about rows that a bag of trees hasn't seen.",
    )


def holds_zero(effect: dict[str, Any]) -> bool:
    return bool(effect["low"] <= 0 <= effect["high"])


def _effect(rows: Sequence[dict[str, Any]], student: str, size: int, noise: float, given: str) -> dict[str, Any] | None:
    asked = {"student": student, "rows": size, "noise": noise, "given": given}
    return next((row["effects"]["bridge"] for row in rows if all(row[key] == asked[key] for key in asked)), None)


OVERALL = ("multihop-bare − one-hop", "one-hop", "multihop-bare", "multihop-bare − control")
INSTEAD = ("one-hop, regularised teacher − one-hop", "control − one-hop", "multihop-bare − one-hop")


def estimators(record: dict[str, Any]) -> Iterator[str]:
    rows = record["situations"]
    shown = enough(rows)
    tests = [row["effects"]["bridge"]["p"] for row in shown]
    few = len(rows) - len(shown)
    yield "## Estimators"
    yield (
        f"{len(record['sets'])} data sets of `{record['data']}` ({', '.join(sorted(record['sets']))}),"
        f" {'seed' if len(record['seeds']) == 1 else 'seeds'} {', '.join(map(str, record['seeds']))},"
        f" {len(record['runs'])} runs. Teachers: a forest of 100 trees and LightGBM with 100 rounds; the students other"
        " than the tree learn from the forest only. One column is one way; the numbers are points of test accuracy,"
        " mean over data sets ± standard error. *Labels drawn anew*: each label is replaced, with probability 0.2, by a"
        " class drawn at random, so that somewhat fewer than a fifth are wrong."
    )
    yield (
        "- **Made again**: the teacher may be fitted to folds, so that its answers are on unseen rows. **Frozen**: it"
        " answers about rows that it has learned. **Hard answers**: frozen, and without probabilities.\n"
        "- **Bridge**: bagged trees learn from the teacher and teach the student by what they say out of bag."
        " **Averaged**: the student hears teacher and bridge. **Further rows**: one hop with the unlabelled rows that a"
        " chain under a frozen teacher makes for itself; part of a bridge's gain there is theirs.\n"
        "- Bridge and one hop follow the default's recipes, which differ in temperature and in the weight of the"
        " labels;"
        " the same method in all hops is in [a table of its own](#the-same-method-in-every-hop)."
    )
    yield "![Bridge against one hop](figures/study-situations.svg)"
    head = ["student", "rows", "labels", "teacher", "bridge − one-hop", "95 % interval", "p", "sets better / worse"]
    yield table(
        [*head, "averaged − one-hop", "further rows − one-hop", "bridge − further rows", "bridge − control"],
        [
            [
                row["student"],
                row["rows"],
                labels_of(row["noise"]),
                GIVEN[row["given"]],
                cell(effects["bridge"]),
                interval(effects["bridge"]),
                f"{effects['bridge']['p']:.3f}",
                f"{effects['bridge']['better']} / {effects['bridge']['worse']}",
                cell(effects["averaged"]),
                cell(effects.get("further rows")),
                cell(effects.get("bridge, against further rows")),
                cell(effects["bridge, against the control"]),
            ]
            for row in shown
            if (effects := row["effects"])
        ],
    )
    yield many(tests, "the first difference") + (
        f" {few} situations with fewer than {FEWEST_SETS} data sets are left out." if few else ""
    )
    yield "### By teacher"
    yield table(
        ["student", "rows", "labels", "given", "forest", "LightGBM"],
        [
            [row["student"], row["rows"], labels_of(row["noise"]), GIVEN[row["given"]], *map(cell, row["effects"])]
            for row in _side_by_side(record["by teacher"])
        ],
    )
    yield "Bridge − one-hop, as above, for each teacher."
    yield "### The same method in every hop"
    methods = list(dict.fromkeys(name for row in record["by method"] for name in row["effects"]))
    yield table(
        ["student", "rows", "labels", "teacher", *methods],
        [
            [row["student"], row["rows"], labels_of(row["noise"]), GIVEN[row["given"]]]
            + [cell(row["effects"][name], interval_too=True) for name in methods]
            for row in enough(record["by method"], methods[0])
        ],
    )
    yield "Chain − one-hop with 95 % intervals. " + many(
        [row["effects"][name]["p"] for row in enough(record["by method"], methods[0]) for name in methods], "these"
    )
    yield "### What goes with it"
    yield (
        "Rank correlation, over runs, of the bridge's advantage with what `diagnose` measures beforehand on training"
        " rows;"
        " intervals by bootstrap over data sets. The six largest of each."
    )
    yield table(
        ["teacher", "fact", "correlation", "95 % interval"],
        [
            [
                "made again" if kind == "again" else "frozen",
                f"`{row['fact']}`",
                number(row["correlation"]),
                interval(row),
            ]
            for kind in ("frozen", "again")
            for row in [row for row in record["what goes with it"] if row["given"] == kind][:6]
        ],
    )


def _side_by_side(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        keys = {name: row[name] for name in ("student", "rows", "noise", "given")}
        found.setdefault(tuple(keys.values()), keys | {"of": {}})["of"][row["teacher"]] = row["effect"]
    return [
        row | {"effects": [row["of"]["forest"], row["of"]["lightgbm"]]}
        for row in found.values()
        if row["of"]["forest"]["sets"] >= FEWEST_SETS
    ]


def advice(record: dict[str, Any]) -> Iterator[str]:
    yield "## What each advice of diagnose was worth"
    yield (
        "In the runs in which [a rule](diagnose.md#what-it-recommends) held, and in comparable ones in which it didn't:"
        " what the rule tells to do, less what could be done instead. A rule that claims a gain is *borne out* where"
        " the"
        " interval lies above 0 and *contradicted* where it lies below. A rule that says that the simpler way will"
        " do is"
        f" *borne out* where the interval lies above −{POINT:.0f} point and *contradicted* where it lies below 0."
        " All else is"
        " *open*. Situations aren't equally frequent in practice as here, and the rules were written with results on"
        " these"
        " data sets at hand."
    )
    rows = [row for row in record["advice"] if "told" in row]
    yield table(
        ["rule", "difference", "told", "95 % interval", "sets", "runs", "reading", "not told"],
        [
            [
                f"`{row['advice']}`",
                row["difference"],
                cell(row["told"]),
                interval(row["told"]),
                row["told"]["sets"],
                row["told"]["runs"],
                reading(row),
                cell(row.get("not told")),
            ]
            for row in rows
        ],
    )
    yield many([row["told"]["p"] for row in rows if "p" in row["told"]], "the differences of this table")
    told = "; ".join(
        f"{labels_of(row['noise'])}: told in {row['told']} of {row['runs']} runs, {row['wrong']:.1f} % of the labels"
        f" wrong, {row['doubted']:.1f} % doubted"
        for row in record["labels"]
    )
    yield f"`look-at-the-labels` — {told}."
    yield (
        "Not in this study: `few-rows`, `seen-rows` and `compare`, which advise no way; `label-the-pool` and"
        " `buy-answers`,"
        " which need unlabelled rows."
    )
    yield "### Following the advice"
    yield (
        "Always the same way, the recommended way of each run, and the best of three (labels alone, one-hop, bridge)"
        " picked"
        " on the test rows, which nobody can: all less labels alone with the student's trainer."
    )
    names = ("one-hop", "multihop-bare", "as advised", "best of three in hindsight")
    yield table(
        [
            "teacher",
            "labels",
            "always one-hop",
            "always the bridge",
            "as advised",
            "in hindsight",
            "as advised − one-hop",
            "as advised − bridge",
        ],
        [
            [
                GIVEN[row["given"]],
                labels_of(row["noise"]),
                *(cell(row["ways"][name]) for name in names),
                *(cell(row["ways"][f"as advised − {way}"], interval_too=True) for way in ("one-hop", "multihop-bare")),
            ]
            for row in record["policies"]
        ],
    )


def reading(row: dict[str, Any]) -> str:
    """What a difference says about the rule, where the rule was told on enough data sets."""
    told = row["told"]
    if told["sets"] < FEWEST_SETS:
        return "too few sets"
    if told["high"] < 0:
        return "**contradicted**"
    return "borne out" if told["low"] > (0 if row["gain"] else -POINT) else "open"


def elsewhere(record: dict[str, Any]) -> str:
    """What the hops bring on sets that the recipes weren't designed on, and with drawn training rows."""
    noisy = [run for run in record["runs"] if run["condition"].startswith("frozen")]
    found = {
        title: averages([run for run in noisy if (run["data"] in SUITE) == (title == "suite")])
        for title in ("suite", "others")
    }

    def gap(name: str) -> str:
        both = (found[title][name] for title in ("suite", "others"))
        return " and ".join(f"{number(value['mean'])} ± {value['std_error']:.2f}" for value in both)

    return (
        "**On other sets less of it is left.** All of the above is from the sets that the recipes were designed on."
        f" With drawn training rows, at most 300, a {TREE} under a frozen teacher and a fifth of the labels drawn"
        " anew, on the"
        f" {found['suite']['sets']} sets of the suite and on {found['others']['sets']} others: bridge − one-hop"
        f" {gap('multihop - one-hop')}, against one hop with the same further rows {gap('multihop - one-hop-rows')},"
        f" against the bridge without the teacher {gap('multihop - control')}; the default − labels alone"
        f" {gap('default - labels')} ([results](results.md))."
    )


def limits(record: dict[str, Any], networks: dict[str, Any]) -> Iterator[str]:
    regularised = "; ".join(f"`{model}`" for model in record["regularised"].values())
    versions = dict(record["versions"])
    for about in networks["settings"].values():
        versions |= about["versions"]
    yield "## Limits"
    yield "\n".join(
        [
            "- Small data: at most 1,000 training rows, and not every set has all sizes and students; the default"
            " recipes were designed on these very data sets,"
            " so expect"
            " less elsewhere.",
            "- Of sets with more rows than asked for, the first of a random 70 % in the file's order were taken instead"
            " of drawn ones; the files of vowel and satimage are sorted, so that their test rows are of another kind.",
            "- One seed a data set where one is named above: intervals are over data sets and hold the noise of a"
            " seed, too.",
            f"- {len(record['sets'])} of the suite's {len(SUITE)} sets were run, the cheaper ones first, until the"
            " time was up;"
            " what was left out has many classes or many columns.",
            "- The networks' settings: a first try on digits (seed 0, learning rate 3e-3) left students by KD behind"
            " labels"
            " alone on clean labels, on test rows; the rate was then raised, by the training loss on other rows, and"
            " epochs"
            " were cut. That try isn't in the numbers, but its seed is.",
            "- Labels were made wrong at random. Noise that follows the features is another matter.",
            f"- The regularised teachers were fixed beforehand, not tuned: {regularised}. A tuned one may do better.",
            "- The networks are tiny and their trainings short, and intervals over seeds say nothing about other data.",
            "- Intervals are by Student's t, p-values by Wilcoxon's signed-rank test. Intervals aren't corrected for"
            " many"
            " comparisons; below the tables stands how many there were and what survives Holm's correction.",
            "- Versions: " + ", ".join(f"{name} {value}" for name, value in versions.items()) + ".",
        ]
    )


def _line(row: dict[str, Any]) -> str:
    return f"- {name_of(row)}: {cell(row['effects']['bridge'], interval_too=True)}"


def _by_mean(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -abs(row["effects"]["bridge"]["mean"]))


if __name__ == "__main__":
    main()
