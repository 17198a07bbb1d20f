import sys

import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.neural_network import MLPRegressor

from stepdown.cli._estimators import KNOWN, build, parse_spec
from stepdown.core import InvalidInputError

TASKS = ("classification", "regression")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_known_name_builds_or_says_what_does(name, task):
    if name in ("lightgbm", "xgboost"):
        pytest.importorskip(name, reason="the boosting extra isn't installed")
    if name == "net":
        pytest.importorskip("skorch", reason="the nn extra isn't installed")
    spec = parse_spec(name)
    if getattr(KNOWN[name], task) is None:
        with pytest.raises(InvalidInputError, match=f"doesn't do {task}. Those that do: tree, forest"):
            build(spec, task)
        return
    estimator = build(spec, task)
    assert is_classifier(estimator) == (task == "classification")
    assert is_regressor(estimator) == (task == "regression")
    clone(estimator)


def test_parameters_are_literals_or_bare_words():
    spec = parse_spec("forest:n_estimators=3,criterion=entropy,max_depth=None,max_features=0.5,oob_score=True")
    estimator = build(spec, "classification")
    assert type(estimator) is RandomForestClassifier
    assert (
        estimator.get_params()
        == RandomForestClassifier(
            n_estimators=3, criterion="entropy", max_depth=None, max_features=0.5, oob_score=True
        ).get_params()
    )
    assert type(build(parse_spec("forest"), "regression")) is RandomForestRegressor
    assert build(parse_spec("mlp:hidden_layer_sizes=(4, 2),alpha=-0.0"), "regression").hidden_layer_sizes == (4, 2)
    assert build(parse_spec("logistic:class_weight={'a': 2.0}"), "classification").class_weight == {"a": 2.0}


def test_sums_of_trees_are_among_what_people_read():
    spec = parse_spec("sum:max_splits=5,max_depth=None")
    assert spec.is_readable
    assert build(spec, "regression").get_params()["max_splits"] == 5
    with pytest.raises(InvalidInputError, match="max_splits"):
        build(parse_spec("sum:max_splits=0"), "classification")


def test_defaults_give_way():
    assert build(parse_spec("mlp"), "regression").max_iter == 1000
    assert build(parse_spec("mlp:max_iter=7"), "regression").max_iter == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("forrest", "unknown estimator 'forrest'; did you mean 'forest'"),
        ("", "unknown estimator ''. Known: tree, forest"),
        ("forest:n_estimators", "name=value"),
        ("forest:3", "name=value"),
        ("forest:n_estimators=(", "name=value"),
        ("forest:n_estimators=3,n_estimators=4", "name=value"),
        ("forest:**{'a': 1}", "each name once"),
        ("forest:n_estimators=__import__('os').getcwd()", "is none"),
        ("forest:n_estimators=3)(max_depth=2", "name=value"),
        ("collections.abc", "--allow-import"),
    ],
)
def test_what_cannot_be_read(text, words):
    with pytest.raises(InvalidInputError, match=words.replace("(", r"\(").replace("*", r"\*")):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("forest:n_estimator=3", "no parameter 'n_estimator'; did you mean 'n_estimators'.*It has: bootstrap"),
        ("forest:n_estimators=-3", "'n_estimators' parameter .* must be"),
        ("tree:criterion=entropie", "'criterion' parameter"),
    ],
)
def test_what_cannot_be_built(text, words):
    with pytest.raises(InvalidInputError, match=words):
        build(parse_spec(text), "classification")


def test_import_paths_only_where_they_are_allowed():
    path = "sklearn.linear_model:RidgeClassifier:alpha=2.0"
    with pytest.raises(InvalidInputError, match="--allow-import"):
        parse_spec(path)
    spec = parse_spec(path, allow_import=True)
    assert build(spec, "classification").alpha == 2.0
    with pytest.raises(InvalidInputError, match="doesn't do regression"):
        build(spec, "regression")
    assert not spec.needs_scale


def test_an_import_path_is_not_imported_unless_it_is_allowed(tmp_path, monkeypatch):
    (tmp_path / "evilpackage").mkdir()
    (tmp_path / "evilpackage" / "__init__.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidInputError, match="--allow-import"):
        parse_spec("evilpackage.models:Thing")
    assert "evilpackage" not in sys.modules


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no.such.package:Thing", "can't be imported"),
        ("sklearn.tree:NoSuchTree", "has no NoSuchTree"),
        ("sklearn.ensemble:VotingClassifier", "needs no arguments"),
        ("collections.abc:Mapping", "needs no arguments"),
        ("sklearn.preprocessing:StandardScaler", "doesn't do classification"),
    ],
)
def test_bad_import_paths(text, words):
    with pytest.raises(InvalidInputError, match=words):
        build(parse_spec(text, allow_import=True), "classification")


def test_an_import_path_without_a_class():
    with pytest.raises(InvalidInputError, match=r"package\.module:Class"):
        parse_spec("sklearn.tree", allow_import=True)


def test_a_missing_booster_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(InvalidInputError, match=r'pip install "stepdown\[boosting\]"'):
        build(parse_spec("lightgbm"), "classification")


def test_scale():
    assert parse_spec("logistic").needs_scale
    assert not parse_spec("tree").needs_scale
    assert build(parse_spec("mlp"), "regression").get_params() == MLPRegressor(max_iter=1000).get_params()


def test_a_network_is_written_by_its_hidden_layout():
    pytest.importorskip("skorch", reason="the nn extra isn't installed")
    spec = parse_spec("net:hidden=64-32-8,lr=0.02,max_epochs=5")
    assert dict(spec.parameters) == {"hidden": "64-32-8", "lr": 0.02, "max_epochs": 5}
    assert spec.needs_scale
    net = build(spec, "classification")
    assert (net.hidden, net.lr, net.max_epochs) == ("64-32-8", 0.02, 5)
    assert build(parse_spec("net:hidden=16"), "classification").hidden == 16
    with pytest.raises(InvalidInputError, match="did you mean 'max_epochs'"):
        build(parse_spec("net:epochs=3"), "classification")
    for wrong in ("net:hidden=a-b", "net:hidden=64+32"):
        with pytest.raises(InvalidInputError, match="is none"):
            parse_spec(wrong)


def test_a_network_without_torch_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name == "stepdown.nn" or name.startswith("stepdown.nn.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InvalidInputError, match=r'needs torch; install them with: pip install "stepdown\[nn\]"'):
        build(parse_spec("net:hidden=8"), "classification")
