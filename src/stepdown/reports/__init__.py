"""One summary dict, several renderers.

A summary is a dict of plain JSON types with ``"schema": 1``. `stepdown.compare` and the command line make it; the
renderers only render, so whatever a report says can be read, and tested, in the dict. Every part but the schema may be
missing.

==============  ====================================================================================================
key             what it holds
==============  ====================================================================================================
task            "classification" or "regression"
scorer          name of the score; greater is better
n_samples       rows; also n_features, folds, seed, rope, level
arms            one row for each way to the student: name, mean, std, scores, metrics, complexity, seconds
comparisons     paired differences: a, b, question, difference, low, high, p, p_worse, p_equivalent, p_better, verdict
attribution     what each part adds: part, difference, low, high, verdict
weighted        where sample weights were used: "training and score" or "training"; absent without weights
validation      scores on training rows, by which a chain was chosen: arm, kind, score, std_error, difference,
                difference_std_error, flattered, chosen
chain           the hops: name, from, method, complexity, score, seconds
rungs           the models of the search: name, score, validated, rules, bytes, us_per_row, efficient, shipped; `limits`
                is what the shipped one keeps
queries         where a teacher may be asked only so often: budget, asked, asked_in_this_run, unlabeled, store
versions, data  packages, and the fingerprint of the data
sentence        the verdict in words; made by `summary_sentence` where it is missing
==============  ====================================================================================================

A diagnosis is another such dict, with ``facts``, ``recommendations``, ``models`` and ``doubted_rows``; it has renderers
of its own.
"""

from ._diagnosis import render_diagnosis_html, render_diagnosis_text
from ._display import ComparisonDisplay
from ._html import render_html, render_page
from ._json import render_json
from ._sentence import summary_sentence
from ._text import render_rich, render_text

__all__ = [
    "ComparisonDisplay",
    "render_diagnosis_html",
    "render_diagnosis_text",
    "render_html",
    "render_json",
    "render_page",
    "render_rich",
    "render_text",
    "summary_sentence",
]
