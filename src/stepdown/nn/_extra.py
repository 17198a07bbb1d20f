"""The gate of this room: what its extra brings must be there."""

from importlib.util import find_spec

missing = [name for name in ("torch", "skorch") if find_spec(name) is None]
if missing:
    raise ImportError(f'stepdown.nn needs {" and ".join(missing)}; install them with: pip install "stepdown[nn]"')
