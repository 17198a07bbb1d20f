"""A label budget: queries are counted, answers are kept, no row is queried twice, and none beyond the budget."""

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from stepdown import Queried
from stepdown.core import InvalidInputError, NotSupportedError
from stepdown.oracle._answer_file import row_keys

ROWS = np.arange(40.0).reshape(20, 2)


class Service:
    """Answers by the first column, writes down every call, and breaks down when it is told to."""

    def __init__(self, answer=lambda rows: ["high" if row[0] > 19 else "low" for row in rows], fails_at=None):
        self.answer, self.fails_at = answer, fails_at
        self.calls: list[int] = []

    def __call__(self, rows):
        if self.fails_at is not None and len(self.calls) + 1 == self.fails_at:
            self.fails_at = None
            raise ConnectionError("no answer")
        self.calls.append(len(rows))
        return self.answer(rows)

    @property
    def n_rows(self) -> int:
        return sum(self.calls)


def proba(rows):
    p = np.asarray(rows)[:, 0] / 40
    return np.column_stack([1 - p, p])


def test_each_row_is_paid_for_once() -> None:
    service = Service()
    queried = Queried(service, 20, batch_size=4)
    first = queried.predict(ROWS[:10])
    assert first.tolist() == ["low"] * 10
    assert service.calls == [1, 4, 4, 1]
    again = queried.predict(np.vstack([ROWS[5:12], ROWS[10:12]]))  # two rows stand there twice
    assert again.tolist() == ["low"] * 5 + ["high"] * 4
    assert service.n_rows == queried.n_queried == 12
    assert queried.n_left == 8


def test_more_than_the_budget_is_refused_before_any_call() -> None:
    service = Service()
    queried = Queried(service, 5)
    with pytest.raises(InvalidInputError, match="6 rows have no answer, and 5 of budget=5 are left"):
        queried.predict(ROWS[:6])
    assert service.calls == []
    queried.predict(ROWS[:3])
    with pytest.raises(InvalidInputError, match=r"3 rows have no answer, and 2 of budget=5 are left \(3 rows were"):
        queried.predict(ROWS[2:6])
    assert service.n_rows == 3


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda rows: 3, r"shape \(\) for 1 rows"),
        (lambda rows: ["a", "b"], r"shape \(2,\) for 1 rows"),
        (lambda rows: np.ones((len(rows), 2, 2)), r"shape \(1, 2, 2\)"),
        (lambda rows: np.ones((2, len(rows))) / 2, r"shape \(2, 1\) for 1 rows"),
        (lambda rows: np.full((len(rows), 2), 0.9), r"not probabilities, such as \[0.9, 0.9\]"),
        (lambda rows: np.tile([1.5, -0.5], (len(rows), 1)), "not probabilities"),
        (lambda rows: np.full((len(rows), 2), np.nan), "not probabilities"),
        (lambda rows: np.full((len(rows), 3), 1 / 3), r"3 probabilities a row for 2 classes, \['low', 'high'\]"),
        (lambda rows: [["a", "b"] for _ in rows], "table that isn't numeric"),
        (lambda rows: [None for _ in rows], "missing labels"),
        (lambda rows: ["medium" for _ in rows], r"\['medium'\], which are not among its classes"),
    ],
)
def test_a_wrong_answer_ends_it_before_the_second_call(answer, message) -> None:
    service = Service(answer)
    with pytest.raises(InvalidInputError, match=message):
        Queried(service, 20, classes=["low", "high"]).query(ROWS)
    assert service.calls == [1]


def test_kinds_of_answers_may_not_change() -> None:
    service = Service(lambda rows: ["low"] if len(rows) == 1 else proba(rows))
    with pytest.raises(InvalidInputError, match="both labels and probabilities"):
        Queried(service, 20, classes=["low", "high"]).query(ROWS)
    assert len(service.calls) == 2


def test_columns_without_names_are_refused_after_one_row() -> None:
    service = Service(proba)
    queried = Queried(service, 20)
    with pytest.raises(InvalidInputError, match=r"2 probabilities a row, .* unknown: give Queried\(classes"):
        queried.predict_proba(ROWS)
    assert service.calls == [1]
    queried.set_params(classes=["low", "high"])  # the answer that was paid for still counts
    assert queried.predict(ROWS[[0, 19]]).tolist() == ["low", "high"]
    assert service.n_rows == 2


def test_columns_come_in_sorted_order() -> None:
    queried = Queried(Service(proba), 20, classes=["low", "high"])
    assert queried.classes_.tolist() == ["high", "low"]
    np.testing.assert_allclose(queried.predict_proba(ROWS)[:, 0], ROWS[:, 0] / 40)
    assert queried.predict(ROWS[[0, 19]]).tolist() == ["low", "high"]


def test_rounded_probabilities_are_made_to_sum_to_one() -> None:
    queried = Queried(lambda rows: np.full((len(rows), 3), 0.33), 1, classes=[0, 1, 2])
    np.testing.assert_allclose(queried.predict_proba(ROWS[:1]), 1 / 3)


@pytest.mark.parametrize("stored", [True, False])
def test_a_breakdown_loses_nothing_that_was_answered(tmp_path, stored) -> None:
    service = Service(fails_at=4)
    store = tmp_path / "answers.jsonl" if stored else None
    queried = Queried(service, 20, batch_size=5, store=store)
    with pytest.raises(ConnectionError):
        queried.query(ROWS)
    assert queried.n_queried == 11
    if stored:  # another day, another process
        queried = Queried(service, 20, batch_size=5, store=store)
    assert queried.n_queried == 11
    assert len(queried.predict(ROWS)) == 20
    assert service.n_rows == 20


def test_an_interrupt_by_hand_loses_nothing_either(tmp_path) -> None:
    def impatient(rows):
        if len(rows) > 1:
            raise KeyboardInterrupt
        return ["low"]

    with pytest.raises(KeyboardInterrupt):
        Queried(impatient, 20, store=tmp_path / "a").query(ROWS)
    assert Queried(impatient, 20, store=tmp_path / "a").n_queried == 1


def test_the_file_is_plain_json_lines(tmp_path) -> None:
    Queried(Service(proba), 9, store=tmp_path / "a", classes=["low", "hïgh"]).query(ROWS[:2])
    lines = [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]
    assert len(lines[1].pop("check")) == 8
    assert lines[1] == {"row": row_keys(ROWS[1:2])[0], "answer": [0.95, 0.05], "classes": ["low", "hïgh"]}


def test_a_line_that_was_cut_off_is_passed_over(tmp_path) -> None:
    store = tmp_path / "answers.jsonl"
    Queried(Service(), 20, store=store).query(ROWS[:3])
    whole = store.read_text()
    for cut in (1, 5, 20, 45):
        lines = whole.splitlines(keepends=True)
        store.write_text("".join(lines[:2]) + lines[2][:cut])
        service = Service()
        queried = Queried(service, 20, store=store)
        assert queried.n_queried == 2
        queried.query(ROWS[:5])
        assert service.n_rows == 3
        later = Queried(service, 20, store=store)
        assert later.n_queried == 5
        assert later.predict(ROWS[:5]).tolist() == ["low"] * 5


def test_what_is_no_file_of_answers_is_refused_and_left_alone(tmp_path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    service = Service()
    with pytest.raises(InvalidInputError, match="line 1 is not a stored answer: 'a,b'"):
        Queried(service, 20, store=table).query(ROWS)
    assert table.read_text() == "a,b\n1,2\n"
    with pytest.raises(InvalidInputError, match="doesn't exist; create it"):
        Queried(service, 20, store=tmp_path / "missing" / "a").query(ROWS)
    assert service.calls == []


def test_the_budget_counts_what_is_on_file(tmp_path) -> None:
    Queried(Service(), 8, store=tmp_path / "a").query(ROWS[:8])
    service = Service()
    queried = Queried(service, 10, store=tmp_path / "a")
    assert (queried.n_queried, queried.n_left) == (8, 2)
    with pytest.raises(InvalidInputError, match=r"2 of budget=10 are left \(8 rows were queried, those in"):
        queried.query(ROWS[:11])
    queried.query(ROWS[:10])
    assert service.n_rows == 2
    assert Queried(service, 5, store=tmp_path / "a").n_left == 0  # more on file than this budget allows


def test_two_purses_with_one_file_are_one(tmp_path) -> None:
    services = Service(), Service()
    one, other = (Queried(service, 10, store=tmp_path / "a") for service in services)
    assert one.n_left == other.n_left == 10
    one.query(ROWS[:8])
    with pytest.raises(InvalidInputError, match="2 of budget=10 are left"):
        other.query(ROWS[8:12])
    other.query(ROWS[:10])
    assert [service.n_rows for service in services] == [8, 2]


def test_answers_for_other_classes_are_not_mistaken(tmp_path) -> None:
    Queried(Service(proba), 20, store=tmp_path / "a", classes=["low", "high"]).query(ROWS[:4])
    other = Queried(Service(proba), 20, store=tmp_path / "a", classes=["high", "low"])
    with pytest.raises(InvalidInputError, match=r"stored answers are .* a store of its own"):
        other.predict_proba(ROWS[:4])


def test_labels_that_json_cannot_hold_are_refused_after_one_row(tmp_path) -> None:
    service = Service(lambda rows: np.array([np.datetime64("2026-01-01").item() for _ in rows], dtype=object))
    queried = Queried(service, 20, store=tmp_path / "a")
    with pytest.raises(NotSupportedError, match="labels of type date can't be stored"):
        queried.query(ROWS)
    assert service.calls == [1]


def test_clones_are_one_purse() -> None:
    service = Service()
    queried = Queried(service, 5)
    clone(queried).query(ROWS[:5])
    assert queried.n_left == clone(queried).n_left == copy.deepcopy(queried).n_left == 0


def _answer_elsewhere(queried, rows):
    try:
        return queried.predict(rows).tolist()
    except InvalidInputError as error:
        return str(error)


def test_copies_answer_what_is_known_and_ask_nothing(tmp_path) -> None:
    queried = Queried(FrozenEstimator(DecisionTreeClassifier().fit(ROWS, np.arange(20) % 2)), 9, store=tmp_path / "a")
    queried.query(ROWS[:4])
    for twin in (pickle.loads(pickle.dumps(queried)), copy.copy(queried)):
        assert twin.n_left == 0
        assert twin.predict(ROWS[:4]).tolist() == [0, 1, 0, 1]
        with pytest.raises(InvalidInputError, match="this is a copy of a Queried, which makes no queries"):
            twin.predict(ROWS)
    known, unknown = Parallel(n_jobs=2)(delayed(_answer_elsewhere)(queried, rows) for rows in (ROWS[:4], ROWS[3:5]))
    assert known == [0, 1, 0, 1]
    assert "makes no queries" in unknown
    assert queried.n_left == 5


def test_frozen_models_answer_as_they_are() -> None:
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    queried = Queried(FrozenEstimator(forest), 150, batch_size=7)
    np.testing.assert_allclose(queried.predict_proba(X), forest.predict_proba(X))
    machine = LinearSVC(max_iter=10_000).fit(X[:100], y[:100])
    hard = Queried(FrozenEstimator(machine), 150)
    assert hard.is_hard
    assert not hasattr(hard, "predict_proba")
    np.testing.assert_array_equal(hard.predict(X), machine.predict(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"budget": 0}, "budget=0: expected a number of rows, at least 1"),
        ({"budget": 2.5}, "budget=2.5"),
        ({"budget": True}, "budget=True"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"classes": ["a"]}, "at least two labels, each once"),
        ({"classes": ["a", "a"]}, "at least two labels, each once"),
        ({"teacher": DecisionTreeClassifier()}, "a fitted model, FrozenEstimator"),
        ({"teacher": DecisionTreeClassifier}, "a fitted model, FrozenEstimator"),
        ({"teacher": FrozenEstimator(Ridge().fit(ROWS, ROWS[:, 0]))}, "needs a classifier as the teacher"),
    ],
)
def test_parameters_are_checked_before_a_call(parameters, message) -> None:
    service = Service()
    with pytest.raises((InvalidInputError, NotSupportedError), match=message):
        Queried(**{"teacher": service, "budget": 5} | parameters).query(ROWS[:2])
    assert service.calls == []


def test_keys_go_by_what_rows_hold() -> None:
    numbers = np.array([[1, 0], [0, 2]])
    keys = row_keys(numbers)
    assert keys[0] != keys[1]
    same = [
        numbers.tolist(), numbers.astype(float), numbers.astype(np.float32), np.asfortranarray(numbers),
        numbers.astype(object), csr_matrix(numbers), pd.DataFrame(numbers, columns=["a", "b"]),
        pd.DataFrame({"a": [1, 0], "b": [0.0, 2.0]}),
    ]  # fmt: skip
    assert all(row_keys(table) == keys for table in same)
    assert row_keys([[-0.0, 1.0]]) == row_keys([[0.0, 1.0]])
    assert row_keys([[np.nan]]) == row_keys([[-np.nan]]) == row_keys(np.array([[None]], dtype=object))
    assert row_keys([[2**60]]) != row_keys([[2**60 + 1]])
    assert row_keys([["1"]]) != row_keys([[1]])
    assert row_keys([["a", "bc"]]) != row_keys([["ab", "c"]])


def test_keys_of_mixed_columns() -> None:
    frame = pd.DataFrame({"age": [30, 41, 30], "town": pd.Categorical(["Ulm", None, "Ulm"])})
    keys = row_keys(frame)
    assert keys[0] == keys[2] != keys[1]
    assert row_keys(frame.astype({"town": object, "age": "Int64"})) == keys
    assert row_keys(frame.iloc[::-1]) == keys[::-1]
