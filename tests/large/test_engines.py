"""Fits and tables on other engines, each a local cluster of two workers; skipped where they aren't installed."""

from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier
from stepdown.large import fit_parquet
from stepdown.ship import TableColumns

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("default")]


def dask_cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield "dask"


def ray_cluster():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
    register_ray()
    with joblib.parallel_config("ray", n_jobs=2):
        yield "ray"
    ray.shutdown()


@pytest.fixture(scope="module", params=[dask_cluster, ray_cluster], ids=["dask", "ray"])
def engine(request):
    yield from request.param()


def partitioned(engine, frame, parts):
    if engine == "dask":
        return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=parts)
    cuts = np.linspace(0, len(frame), parts + 1).astype(int)
    pieces = [frame.iloc[start:stop] for start, stop in pairwise(cuts)]
    return pytest.importorskip("ray.data").from_pandas(pieces)


def test_the_fits_give_the_same_student(engine):
    X, y = make_classification(400, 60, random_state=0)
    clf = MultihopClassifier(RandomForestClassifier(5), DecisionTreeClassifier(max_depth=3), random_state=0)
    there = clf.fit(X, y).predict_proba(X), [{**row, "seconds": 0} for row in clf.comparison_]
    with joblib.parallel_config("sequential"):
        here = clf.fit(X, y).predict_proba(X), [{**row, "seconds": 0} for row in clf.comparison_]
    assert np.array_equal(there[0], here[0])
    assert there[1] == here[1]


def test_a_table_in_partitions_gives_the_student_of_the_file(engine, tmp_path):
    X, y = make_classification(900, 4, random_state=0)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 0] > 0, "high", "low"), y=y)
    frame.to_parquet(tmp_path / "rows.parquet")
    models = LogisticRegression(), DecisionTreeClassifier(max_depth=3)
    found = [
        fit_parquet(*models, table, "y", memory=tmp_path / str(place), prepare=TableColumns(), teacher_rows=300)
        for place, table in enumerate(
            [tmp_path / "rows.parquet", partitioned(engine, frame, 3), partitioned(engine, frame, 7)]
        )
    ]
    for one in found[1:]:
        assert np.array_equal(one.student.tree_.threshold, found[0].student.tree_.threshold)
        assert np.array_equal(one.student.tree_.value, found[0].student.tree_.value)
        assert one.scores == found[0].scores
