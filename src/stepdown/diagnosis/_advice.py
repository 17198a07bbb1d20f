"""What to try, as a table: when what holds, on what evidence. The reading of the table knows nothing of teachers.

A rule's numbers are thresholds on what was measured on the user's own rows. Results on other
data are in docs/results.md and docs/when-hops-help.md; rules only point there, so that none says more than these pages.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepdown.search import MOST_ROWS_FOR_BRIDGE

# Shares of rows. No noise below a tenth of the labels was measured; a point is what `compare` calls equal.
NOISY = 0.1
OVERFIT = 0.1
POINT = 0.01
FEW_ROWS = 10
# A model that has memorised its rows repeats most of the labels that out-of-bag answers contradict.
MEMORISED = 0.5
# Standard errors over rows.
CLEARLY = 2.0


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact against one value; a fact that is unknown (None) fulfils nothing."""

    fact: str
    relation: Callable[[Any, Any], bool]
    value: Any

    def holds(self, facts: Mapping[str, Any]) -> bool:
        known = facts.get(self.fact)
        return known is not None and bool(self.relation(known, self.value))


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table; `way` is what `Fixed` takes, for a rule that says which way to the student."""

    name: str
    role: str
    when: tuple[Condition, ...]
    advice: str
    reason: str
    source: str | None = None
    way: str | None = None


def _is(fact: str, value: Any = True) -> Condition:
    return Condition(fact, operator.eq, value)


def _at_least(fact: str, value: float) -> Condition:
    return Condition(fact, operator.ge, value)


def _below(fact: str, value: float) -> Condition:
    return Condition(fact, operator.lt, value)


# Pages, and how headings on them begin.
TREES = 'docs/results.md, "clean: tree of depth 4"'
FOREST = 'docs/results.md, "clean: 3 trees of depth 3"'
LINEAR = 'docs/results.md, "clean: logistic regression"'
NETWORKS = 'docs/results.md, "clean: 4 hidden units"'
HARD = 'docs/results.md, "hard answers: tree of depth 4"'
FROZEN = 'docs/results.md, "frozen, 20 % label noise: tree of depth 4"'
QUERIES = 'docs/results.md, "A teacher with a label budget"'
STUDY = 'docs/when-hops-help.md, "What each advice of diagnose was worth"'

LABELS_ALONE = "You don't need the teacher: train the student on the labels alone."
OVER_A_BRIDGE = "Go over a bridge: the default chain, whose bagged trees answer out of bag."

RULES: tuple[Rule, ...] = (
    Rule(
        "few-rows",
        "first",
        (_below("fewest_rows_of_a_class", FEW_ROWS),),
        "Take every number of this page as rough, or gather more rows of the rarest class.",
        "It has {fewest_rows_of_a_class} rows, and every fold leaves out some of them.",
    ),
    Rule(
        "regularise-the-teacher",
        "first",
        (
            _is("teacher_frozen", False),
            _is("teacher_signal", "out-of-fold"),
            _at_least("overfit", OVERFIT),
            _at_least("label_error_share", NOISY),
            _at_least("repeats_label_errors", MEMORISED),
            _below("teacher_lead_std_errors", CLEARLY),
        ),
        "Regularise the teacher first (fewer rounds, a stronger penalty, early stopping), or take a bagged one, and"
        " compare: a network that was stopped early was the better teacher, for ensembles of trees it is open.",
        "It is right on {teacher_accuracy_in_sample:.1%} of the rows when it has seen them and on"
        " {teacher_accuracy:.1%} when it hasn't, where a bag of trees is right on {bag_accuracy:.1%}. It repeats"
        " {repeats_label_errors:.1%} of the likely label errors: it memorises them.",
        STUDY,
    ),
    Rule(
        "thaw-the-teacher",
        "first",
        (_is("teacher_frozen"), _at_least("label_error_share", NOISY), _at_least("repeats_label_errors", MEMORISED)),
        "If the teacher can be trained again and one hop is what you want, hand it over unfrozen.",
        "It repeats {repeats_label_errors:.1%} of the likely label errors, so it has memorised them; trained again on"
        " folds it could answer for rows that it hasn't seen.",
        STUDY,
    ),
    Rule(
        "look-at-the-labels",
        "first",
        (_at_least("label_error_share", NOISY),),
        "Check the likely label errors (`likely_error_rows`) before any transfer.",
        "An estimated {label_error_share:.1%} of the labels are wrong, or right and improbable because classes overlap."
        " The estimate can't tell these apart.",
    ),
    *(
        Rule(
            "train-the-student-well",
            "first",
            (_is("student_kind", kind), _at_least("training_gain", POINT)),
            "Keep the student's trainer, whichever way you take.",
            "On labels alone it brings the student from {student_accuracy:.1%} to {student_trained_accuracy:.1%} here.",
            source,
        )
        for kind, source in (("tree", TREES), ("few trees", FOREST), ("network", NETWORKS))
    ),
    Rule(
        "labels-alone-linear",
        "way",
        (_is("student_kind", "linear"),),
        LABELS_ALONE,
        "The student is linear, and on clean labels no way with a teacher was better for logistic regression.",
        LINEAR,
        way="labels",
    ),
    Rule(
        "label-the-pool",
        "way",
        (_at_least("unlabelled_rows", 1), _is("pool_can_be_queried")),
        "Label the pool with the teacher: one hop, `fit(X, y, X_unlabeled=...)`.",
        "There are {unlabelled_rows} unlabelled rows, and the teacher may label all of them: its own answers, on rows"
        " that no model has memorised. A bridge in between would only blur them.",
        way="one-hop",
    ),
    Rule(
        "buy-answers",
        "way",
        (_at_least("unlabelled_rows", 1), _is("pool_can_be_queried", False)),
        "Use the label budget through a bridge, `MultihopClassifier(Queried(teacher, budget=...), ...)`: bagged trees"
        " learn the answers and label the rest of the pool.",
        "There are {unlabelled_rows} unlabelled rows and a label budget of {query_budget}.",
        QUERIES,
        way="multihop",
    ),
    Rule(
        "bridge-hard-answers",
        "way",
        (_is("teacher_frozen"), _is("hard_answers"), _below("rows", MOST_ROWS_FOR_BRIDGE + 1)),
        OVER_A_BRIDGE,
        "The teacher is frozen and gives answers without probabilities, so that one hop has little to hand on.",
        HARD,
        way="multihop",
    ),
    Rule(
        "one-hop-many-rows",
        "way",
        (_is("teacher_frozen"), _at_least("rows", MOST_ROWS_FOR_BRIDGE + 1)),
        "One hop, and compare it with the labels alone.",
        "The teacher is frozen. Over a bridge students were better with few rows, but with 1,000 rows they were not;"
        " here are {rows}.",
        STUDY,
        way="one-hop",
    ),
    Rule(
        "bridge-memorised-noise",
        "way",
        (_is("teacher_frozen"), _at_least("label_error_share", NOISY), _at_least("repeats_label_errors", MEMORISED)),
        OVER_A_BRIDGE,
        "The teacher is frozen and repeats {repeats_label_errors:.1%} of the likely label errors. What helped in this"
        " situation was out-of-bag knowledge, not the teacher's: see the control there.",
        FROZEN,
        way="multihop",
    ),
    Rule(
        "nothing-to-hand-on",
        "way",
        (_below("capacity_gap", POINT),),
        LABELS_ALONE,
        "On rows that neither has seen the teacher is right on {teacher_accuracy:.1%} and the student, trained well, on"
        " {student_trained_accuracy:.1%}: there is no gap for a transfer to close.",
        STUDY,
        way="labels",
    ),
    Rule(
        "labels-alone-few-trees",
        "way",
        (_is("student_kind", "few trees"),),
        "Train the student on the labels alone with its trainer, and let the gate override that.",
        "For a forest of a few trees the trainer was all that helped.",
        FOREST,
        way="labels",
    ),
    Rule(
        "one-hop-network",
        "way",
        (_is("student_kind", "network"), _is("teacher_frozen", False)),
        "One hop is enough, if any: leave it to the gate.",
        "No way was clearly better than another for a small network.",
        NETWORKS,
        way="one-hop",
    ),
    Rule(
        "one-hop-frozen",
        "way",
        (_is("teacher_frozen"),),
        "Compare one hop with the bridge that the gate prefers: which is better is open.",
        "The teacher is frozen, but nothing here shows that it has memorised wrong labels, and it gives probabilities.",
        STUDY,
        way="one-hop",
    ),
    Rule(
        "one-hop",
        "way",
        (),
        "One hop is enough.",
        "The teacher can be trained again, so that its answers are on rows it hasn't seen; several hops"
        " were no better for a small tree.",
        TREES,
        way="one-hop",
    ),
    Rule(
        "any-good-model",
        "also",
        (_is("student_kind", "tree"), _below("teacher_lead", POINT)),
        "A bag of trees on the labels could replace the teacher.",
        "On rows they haven't seen the teacher is right on {teacher_accuracy:.1%} and such a bag on"
        " {bag_accuracy:.1%}.",
        TREES,
    ),
    Rule(
        "ask-for-probabilities",
        "also",
        (_is("hard_answers"),),
        "If the teacher has probabilities or scores behind its answers, give it a `predict_proba`.",
        "Labels alone don't show which rows are uncertain. What probabilities would bring the student is open.",
        STUDY,
    ),
    Rule(
        "seen-rows",
        "also",
        (_is("teacher_frozen"),),
        "Keep rows for the verdict that the frozen teacher was not fitted on.",
        "It may have seen these, and then its accuracy, confidence and information here are optimistically biased.",
    ),
    Rule(
        "compare",
        "also",
        (),
        "Let `stepdown.compare` judge on outer folds.",
        "This page says what to try first; it has not tried any of it.",
    ),
)


def advise(facts: Mapping[str, Any], rules: tuple[Rule, ...] = RULES) -> list[dict[str, Any]]:
    """Read the table: all rules that hold, but of the ways the first only.

    Examples
    --------
    >>> rule = Rule("rest", "also", (_at_least("hours", 8),), "Rest.", "It has been {hours} hours.")
    >>> [found["reason"] for found in advise({"hours": 9}, (rule,))], advise({"hours": None}, (rule,))
    (['It has been 9 hours.'], [])
    """
    advice: list[dict[str, Any]] = []
    for rule in rules:
        taken = rule.role == "way" and any(other["role"] == "way" for other in advice)
        if not taken and all(condition.holds(facts) for condition in rule.when):
            because = {condition.fact: facts[condition.fact] for condition in rule.when}
            advice.append(
                {
                    "name": rule.name,
                    "role": rule.role,
                    "advice": rule.advice,
                    "reason": rule.reason.format_map(facts),
                    "source": rule.source,
                    "way": rule.way,
                    "because": because,
                }
            )
    return advice
