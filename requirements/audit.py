"""Look up the known weaknesses of pinned packages; a service that can't be reached is said, and is no failure."""

from __future__ import annotations

import json
import subprocess
import sys


def main(requirements: str) -> int:
    """Return 1 where a weakness is known."""
    command = [sys.executable, "-m", "pip_audit", "-r", requirements, "--no-deps", "--disable-pip", "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"audit: nothing could be looked up. {done.stderr.strip().splitlines()[-1:]}")
        return 0
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    weak = {package["name"]: [one["id"] for one in package.get("vulns", [])] for package in packages}
    for name, known in weak.items():
        if known:
            print(f"audit: {name}: {', '.join(known)}")
    print(f"audit: {len(packages)} packages, {len(skipped)} of which could not be looked up")
    return int(any(weak.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
