"""What isn't collected: the doctests of the `nn` room without torch, and the scripts that build the site."""

from importlib.util import find_spec

collect_ignore_glob = ["docs/site/*"]
if not (find_spec("torch") and find_spec("skorch")):
    collect_ignore_glob += ["src/stepdown/nn/*", "src/stepdown/checks/_network_method.py"]
