"""The contract itself: each kind of wrong method, trainer or chain is caught by the check that is there for it."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stepdown import MultihopClassifier
from stepdown.checks import chain_checks, check_chain, check_method, check_trainer, method_checks, trainer_checks
from stepdown.core import InvalidInputError, Trainer, TransferMethod
from stepdown.learners import fit_to, predictions
from stepdown.methods import KD
from stepdown.trainers import PlainFit

TREE = DecisionTreeClassifier(max_depth=2)


class MutatesStudent(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        student.fit(data.X, data.y)
        return data


class FitsByItself(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        return data

    def transfer(self, teachers, student, data, *, trainer=None, seed=None):
        return fit_to(student, data, seed=seed)


class IgnoresSeed(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        weight = data.weights() * np.random.default_rng().random(data.n_samples)
        return data.replace(sample_weight=weight)


class UsesGlobalRandomState(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        np.random.rand()  # noqa: NPY002
        return data


class LeaksInSample(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        if not teachers:
            raise InvalidInputError("LeaksInSample needs a teacher and got none.")
        return data.replace(y=predictions(teachers[-1].model, data.X, data.classes)[0])


class MutatesData(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        if data.sample_weight is not None:
            data.sample_weight[:] = data.sample_weight / data.sample_weight.mean()
        return data


class MutatesTeachers(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        if teachers:
            teachers[-1].model.set_params(verbose=1)
        return data


class ForgetsWeights(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        return data.replace(sample_weight=None)


class TrustsColumns(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        if not teachers or not data.is_classification:
            return data
        return data.replace(y=teachers[-1].model.predict_proba(data.X))


class ShufflesRows(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        return data.take(np.random.default_rng(seed).permutation(data.n_samples))


class ChangesItself(TransferMethod):
    def __init__(self, weight=0.5):
        self.weight = weight

    def supervise(self, teachers, student, data, *, seed=None):
        self.weight += 0.1
        return data


class CopiesParameters(TransferMethod):
    def __init__(self, shares=(0.5, 0.5)):
        self.shares = list(shares)

    def supervise(self, teachers, student, data, *, seed=None):
        return data


class FailsOnRealTargets(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        return data.replace(y=data.soft_targets()[:, ::1]) if data.is_classification else data.replace(y=None)


class SaysLittle(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        if not teachers:
            raise InvalidInputError("no teacher")
        return data


class DependsOnLabelNames(TransferMethod):
    def supervise(self, teachers, student, data, *, seed=None):
        weight = data.weights()
        return data.replace(sample_weight=weight * (1 + 50 * (np.asarray(data.y) == "virginica")))


BROKEN_METHODS = {
    MutatesStudent: "callers_objects_stay: the caller's student was changed",
    FitsByItself: "transfer_is_left_alone: transfer is overridden; write supervise",
    IgnoresSeed: "seed_decides: two transfers with one seed differ",
    UsesGlobalRandomState: "callers_objects_stay: numpy's global random state was used",
    LeaksInSample: "signals_are_unseen: a teacher that can be made again was asked about 100% of the rows",
    MutatesData: "callers_objects_stay: the caller's data was changed",
    MutatesTeachers: "callers_objects_stay: the caller's teacher was changed",
    ForgetsWeights: "weights_are_heard: the student doesn't depend on the data's sample_weight",
    TrustsColumns: "order_of_columns_doesnt_matter: a teacher whose classes_ stand in another order",
    ShufflesRows: "rows_stay_in_front: row i of the given set",
    ChangesItself: "callers_objects_stay: the caller's method was changed",
    CopiesParameters: "parameters_survive: Cannot clone object CopiesParameters",
    SaysLittle: "no_teacher: refusing to work without a teacher, the message says little",
    DependsOnLabelNames: "label_names_dont_matter: labels 0, 1, 2 and names",
}


@pytest.mark.parametrize("broken", BROKEN_METHODS, ids=lambda broken: broken.__name__)
def test_broken_methods_are_caught(broken):
    with pytest.raises(AssertionError, match=f"{broken.__name__}, {BROKEN_METHODS[broken]}"):
        check_method(broken())


def test_other_errors_come_through_with_a_note():
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever the method breaks with
        check_method(FailsOnRealTargets())
    assert not isinstance(caught.value, AssertionError)
    assert any("in the check real_targets of FailsOnRealTargets()" in note for note in caught.value.__notes__)


def test_single_checks_are_named_and_independent():
    checks = method_checks(KD())
    names = [str(check) for check in checks]
    assert len(set(names)) == len(names) > 10
    failing = []
    for check in method_checks(ForgetsWeights()):
        try:
            check()
        except AssertionError:
            failing.append(str(check))
    assert failing == ["weights_are_heard"]


class IgnoresWeights(PlainFit):
    def fit(self, student, data, *, seed=None):
        return super().fit(student, data.replace(sample_weight=None), seed=seed)


class HardensTargets(PlainFit):
    def fit(self, student, data, *, seed=None):
        return super().fit(student, data.replace(y=np.roll(data.labels(), 1)) if data.is_soft else data, seed=seed)


class FitsInPlace(Trainer):
    def fit(self, student, data, *, seed=None):
        return student.fit(data.X, data.labels())


class TakesNoSeed(Trainer):
    def fit(self, student, data, *, seed=None):
        entropy = int(np.random.default_rng().integers(2**31))
        return (
            clone(student)
            .set_params(splitter="random", random_state=entropy)
            .fit(data.X, data.labels(), data.sample_weight)
        )


class GivesARegressor(Trainer):
    def fit(self, student, data, *, seed=None):
        return DecisionTreeRegressor(random_state=0).fit(data.X, data.soft_targets())


BROKEN_TRAINERS = {
    IgnoresWeights: "weights_are_heard: sample_weight isn't heard",
    HardensTargets: "soft_targets_are_followed: the student agrees with soft targets on",
    FitsInPlace: "callers_objects_stay: the caller's student was changed",
    TakesNoSeed: "seed_decides: two fits with one seed differ",
    GivesARegressor: "callers_objects_stay: a DecisionTreeClassifier became a DecisionTreeRegressor",
}


@pytest.mark.parametrize("broken", BROKEN_TRAINERS, ids=lambda broken: broken.__name__)
def test_broken_trainers_are_caught(broken):
    with pytest.raises(AssertionError, match=f"{broken.__name__}, {BROKEN_TRAINERS[broken]}"):
        check_trainer(broken(), TREE)


def test_regression_trainers_have_to_hear_weights_too():
    with pytest.raises(AssertionError, match="real_targets_are_learned: sample_weight isn't heard"):
        check_trainer(IgnoresWeights(), DecisionTreeRegressor(max_depth=2))
    assert len(trainer_checks(PlainFit(), TREE)) > len(trainer_checks(PlainFit(), DecisionTreeRegressor()))


class SmallChain(ClassifierMixin, BaseEstimator):
    """Stands in for a chain of somebody else's: it wraps the real one and spoils one thing."""

    def __init__(self, teacher, student, intermediates=(), random_state=None, spoil=None):
        self.teacher = teacher
        self.student = student
        self.intermediates = intermediates
        self.random_state = random_state
        self.spoil = spoil

    def fit(self, X, y, groups=None):
        seed = int(np.random.default_rng().integers(2**31)) if self.spoil == "seed" else self.random_state
        student = self.student
        if self.spoil == "seed":
            student = clone(student).set_params(splitter="random")
        chain = MultihopClassifier(
            self.teacher, student, intermediates=[], random_state=seed, methods=KD(cv=3), cv=3, trainer=PlainFit()
        ).fit(X, y, groups=groups)
        self.classes_, self.chain_, self.student_ = chain.classes_, chain.chain_, chain.student_
        self.teacher_ = chain.teacher_
        if self.spoil == "student":
            self.student.fit(X, y)
        if self.spoil == "chain":
            self.chain_ = []
        return None if self.spoil == "self" else self

    def predict(self, X):
        if self.spoil == "predict":
            return self.teacher_.predict(X)
        return self.student_.predict(X)

    def predict_proba(self, X):
        return self.student_.predict_proba(X) * (2.0 if self.spoil == "proba" else 1.0)


def small_chain(spoil=None):
    return SmallChain(RandomForestClassifier(8), DecisionTreeClassifier(max_depth=1), spoil=spoil)


BROKEN_CHAINS = {
    "student": "callers_objects_stay: the caller's parameters was changed",
    "self": "callers_objects_stay: fit must return the object itself",
    "predict": "student_ships: the estimator says something else than its student",
    "chain": "student_ships: chain_ is empty",
    "seed": "seed_decides: two fits with one random_state differ",
    "proba": "labels: rows of predict_proba don't sum to 1",
}


@pytest.mark.parametrize("spoil", BROKEN_CHAINS)
def test_broken_chains_are_caught(spoil):
    with pytest.raises(AssertionError, match=BROKEN_CHAINS[spoil]):
        check_chain(small_chain(spoil))


def test_a_sound_chain_passes():
    assert len(chain_checks(small_chain())) == 9
    check_chain(small_chain())
