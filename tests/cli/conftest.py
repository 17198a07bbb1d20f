import pytest

for package in ("typer", "rich", "skrub", "pandas", "pyarrow", "skops"):
    pytest.importorskip(package, reason="the cli extra isn't installed")
