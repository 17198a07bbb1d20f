"""Without torch the doctests of the `nn` room are not collected; its tests skip themselves."""

from importlib.util import find_spec

collect_ignore_glob = (
    []
    if find_spec("torch") and find_spec("skorch")
    else ["src/stepdown/nn/*", "src/stepdown/checks/_network_method.py"]
)
