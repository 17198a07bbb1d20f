"""Without torch the command says what to install, in one line."""

from importlib.util import find_spec

import pytest

pytest.importorskip("typer")

from typer.testing import CliRunner

from stepdown.cli._app import app


@pytest.mark.skipif(find_spec("torch") is not None and find_spec("skorch") is not None, reason="the extra is installed")
def test_the_gate() -> None:
    result = CliRunner().invoke(app, ["nn-demo"])
    assert result.exit_code == 2
    assert 'pip install "stepdown[nn]"' in result.output
