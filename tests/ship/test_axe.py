"""axe-core in a real browser, for those who have both: ``make axe`` fetches axe-core by npm and runs this.

The page is put into a frame of the width of a phone and of a desk, in light and dark; axe must find nothing, and
nothing may be wider than the frame.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from made import mixed_table
from stepdown import MultihopClassifier, ship

AXE = Path(os.environ.get("AXE_CORE", Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"))
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core isn't there; `make axe` fetches it"),
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium"),
]

LOOK = """
<script>
frame.onload = async () => {
  const inner = frame.contentWindow, root = inner.document.documentElement
  const found = await inner.axe.run(inner.document, {resultTypes: ["violations"]})
  result.textContent = JSON.stringify({
    violations: found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 200))]),
    wide: root.scrollWidth - root.clientWidth,
    headings: inner.document.querySelectorAll("h2").length,
    dark: inner.matchMedia("(prefers-color-scheme: dark)").matches,
  })
}
</script>
"""


@pytest.fixture(scope="module")
def page():
    table = pd.DataFrame(mixed_table(200, seed=0))
    X, y = table.drop(columns=["churn", "spending"]), np.array(table["churn"])
    clf = MultihopClassifier(RandomForestClassifier(10), DecisionTreeClassifier(max_depth=4), random_state=0)
    steps = make_pipeline(ship.TableColumns(), clf).fit(X, y)
    return ship.report(steps, X, y, title="Customers").to_html()


def look(page, width, scheme, folder):
    script = AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    inner = html.escape(page.replace("</body>", f"<script>{script}</script></body>"))
    frame = f'<iframe id="frame" style="width:{width}px;height:900px" srcdoc="{inner}"></iframe>'
    outer = folder / "outer.html"
    outer.write_text(f'<!doctype html><meta charset="utf-8">{frame}<pre id="result"></pre>{LOOK}', encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000", "--dump-dom"]
    # How Chromium numbers what a user prefers.
    flags += [f"--blink-settings=preferredColorScheme={('dark', 'light').index(scheme)}"]
    command = [BROWSER, *flags, "--virtual-time-budget=60000", outer.as_uri()]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    return json.loads(html.unescape(re.search(r'<pre id="result">(.*?)</pre>', told, re.DOTALL).group(1)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(page, width, scheme, tmp_path):
    found = look(page, width, scheme, tmp_path)
    assert found["headings"] > 5
    assert found["dark"] == (scheme == "dark")
    assert found["violations"] == []
    assert found["wide"] <= 0


def test_a_broken_page_is_noticed(page, tmp_path):
    found = look(page.replace("color:var(--soft)", "color:#ddd"), 390, "light", tmp_path)
    assert [name for name, _ in found["violations"]] == ["color-contrast"]
