"""Write docs/results.md from the benchmarks' JSON, so that no number in it is typed by hand.

python -m benchmarks.report
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common.record import RESULTS, read
from benchmarks.networks.report import cifar, nn_cache, nn_demo, nn_flow_scale, nn_loss, nn_step, retrieval
from benchmarks.tabular.report import (
    bridges,
    chain_search,
    cost,
    default,
    queries,
    search_overhead,
    tabular,
    tree_search,
)

ROOT = Path(__file__).parent.parent

HEAD = """# Results

Written by `python -m benchmarks.report` from the JSON files in `benchmarks/results`; each by the script of its
name; `make bench-tabular`, `make bench-queries` and `make bench-cost` run the main ones. What disappoints stays in.

## Does it pay?
Differences in test accuracy, in points: mean over data sets ± its standard error, with the p-value of Wilcoxon's test
over data sets, and the worst and the best set. Every way but "plain" uses the student's trainer. "default" is
the way that the gate took. Nothing was chosen on test rows; the recipes themselves were designed on these data sets,
so expect a little less on yours.
"""

SECTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "default.json": default,
    "tabular.json": tabular,
    "queries.json": queries,
    "bridges.json": bridges,
    "chain_search.json": chain_search,
    "cost.json": cost,
    "tree_search.json": tree_search,
    "search_overhead.json": search_overhead,
    "cifar.json": cifar,
    "nn_flow_scale.json": nn_flow_scale,
    "nn_demo.json": nn_demo,
    "nn_step.json": nn_step,
    "nn_loss.json": nn_loss,
    "nn_cache.json": nn_cache,
    "retrieval.json": retrieval,
}


def main() -> None:
    found = [(RESULTS / name, write) for name, write in SECTIONS.items() if (RESULTS / name).exists()]
    parts = [HEAD.strip(), *(write(read(path)) for path, write in found)]
    page = ROOT / "docs" / "results.md"
    page.write_text("\n\n".join(parts) + "\n")
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
