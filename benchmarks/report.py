"""Write docs/results.md from the benchmarks' JSON, so that no number in it is typed by hand.

python benchmarks/report.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"

HEAD = """# Results

Written by `python benchmarks/report.py` from the JSON files in `benchmarks/results`; `make bench-tabular` and
`make bench-cost` make them anew. What disappoints stays in.

## Does it pay?
Differences in test accuracy, in points: mean over data sets ± its standard error, with the p-value of Wilcoxon's test
over data sets, and the worst and the best set. Every way but "simple alone" uses the student's trainer. "default" is
the way that the gate took. Nothing was chosen on test rows; the recipes themselves were designed on these data sets,
so expect a little less on yours.
"""

HOW_TO_READ = """
- **simple + trainer − simple alone**: what better training gives without any teacher.
- **1-hop − simple + trainer**: what the teacher adds.
- **multihop − 1-hop**: what the hops add. Where further rows are made (frozen teachers), one hop with the same further
  rows stands beside it, because part of the difference is theirs.
- **multihop − control**: what the chain gains from the teacher at all; the control's bridge never saw it.
"""


def tabular() -> str:
    record = json.loads((RESULTS / "tabular.json").read_text())
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    asked = record["arguments"]
    parts = [
        f"Data: {len(asked['sets'])} sets of `{record['data']}`; teachers: 100 trees, LightGBM with 100 rounds;"
        f" {asked['seeds']} seeds (0 to {asked['seeds'] - 1}); {len(record['runs'])} runs. Versions: {versions}.",
        *([f"Note: {record['note']}"] if "note" in record else []),
        HOW_TO_READ.strip(),
    ]
    for row in record["table"]:
        parts.append(
            f"### {row['condition']}: {row['student']}, at most {row['size']} training rows\n"
            f"{row['sets']} sets, {row['runs']} runs; simple alone {row['simple alone']:.1f} %, teacher"
            f" {row['teacher']:.1f} %.\n\n| | points | p | worst | best |\n|---|---|---|---|---|"
        )
        parts[-1] += "".join(
            f"\n| {name.replace(' - ', ' − ')} | {sign(value['mean'])} ± {value['std_error']:.2f} | {value['p']:.3f} |"
            f" {sign(value['worst'], 1)} | {sign(value['best'], 1)} |"
            for name, value in row.items()
            if isinstance(value, dict)
        )
    return "\n\n".join(parts)


def cost() -> str:
    record = json.loads((RESULTS / "cost.json").read_text())
    names = list(dict.fromkeys(name for row in record["rows"] for name in row["ratios"]))
    lines = [
        "## What it costs",
        f"In {record['unit']} on the same rows (20 features), medians of {record['repeats']} interleaved runs; the"
        " teacher's own fits are included, six of them for LightGBM, whose signals are out-of-fold.",
        "| rows | classes | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 2),
    ]
    lines[-1] += "".join(
        f"\n| {row['rows']:,} | {row['classes']} | "
        + " | ".join(f"{row['ratios'][name]:.1f}" if name in row["ratios"] else "" for name in names)
        + " |"
        for row in record["rows"]
    )
    return "\n\n".join(lines)


def sign(value: float, digits: int = 2) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def main() -> None:
    parts: list[Any] = [HEAD.strip(), tabular()]
    if (RESULTS / "cost.json").exists():
        parts.append(cost())
    page = ROOT / "docs" / "results.md"
    page.write_text("\n\n".join(parts) + "\n")
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
