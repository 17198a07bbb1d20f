"""The recipe on images, from the shell, with networks so thin that it takes seconds."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the nn extra isn't installed")
pytest.importorskip("skorch", reason="the nn extra isn't installed")

import torch

from stepdown.cli._app import app

NETWORKS = ("teacher", "student alone", "auxiliary", "student")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three colours, with noise."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    colours = 120 * np.eye(3, dtype=int)[y][:, None, None]
    X = (rng.integers(0, 120, (60, 24, 24, 3)) + colours).astype(np.uint8)
    file = tmp_path_factory.mktemp("photos") / "photos.npz"
    np.savez(file, X=X[:48], y=y[:48], X_test=X[48:], y_test=y[48:])
    return file


def ran(*arguments):
    return CliRunner().invoke(app, ["nn-recipe", *map(str, arguments)])


def test_from_files_to_a_small_network_with_its_scores(photos, tmp_path):
    out = tmp_path / "networks"
    options = ("--out", out, "--quick", "--width", 2, "--size", 24, "--shifted", photos)
    first = ran(photos, *options)
    assert first.exit_code == 0, first.output
    found = json.loads((out / "results.json").read_text())
    assert tuple(found["scores"]) == NETWORKS
    assert found["settings"]["labels"] == [[2, 0.001], [1, 0.0001]]
    for scores in found["scores"].values():
        assert scores["linear probe"] > 40
        assert scores["shifted mAP cosine"] == scores["mAP cosine"]
    state = torch.load(out / "student.pt", weights_only=True)
    assert len(state["fc2.weight"]) == 3
    again = ran(photos, *options, "--recipe", "falling")
    assert "taking the teacher" in again.output
    better = json.loads((out / "results.json").read_text())
    assert better["scores"]["teacher"] == found["scores"]["teacher"]
    assert better["settings"]["relations"] == 0.5


def test_what_it_refuses_in_one_line(photos, tmp_path):
    for arguments, word in {
        (photos, "--out", tmp_path, "--recipe", "cvpr2021"): "falling",
        (tmp_path, "--out", tmp_path / "out"): "folder a class",
    }.items():
        result = ran(*arguments)
        assert result.exit_code != 0
        assert word in result.output
        assert "Traceback" not in result.output
    (tmp_path / "teacher.pt").write_bytes(b"")
    result = ran(photos, "--out", tmp_path, "--quick", "--width", 2, "--size", 24)
    assert "isn't the teacher" in result.output
