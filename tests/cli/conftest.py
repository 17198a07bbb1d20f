import pytest

for package in ("typer", "rich", "skrub", "pandas", "pyarrow", "skops"):
    pytest.importorskip(package, reason="the cli extra isn't installed")

import pandas as pd  # noqa: E402  # after the check that it is there
from typer.testing import CliRunner  # noqa: E402

from made import mixed_table  # noqa: E402
from stepdown.cli._app import app  # noqa: E402


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "customers.csv"
    pd.DataFrame(mixed_table(200, seed=0)).drop(columns="spending").to_csv(path, index=False)
    return path


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return call
