#!/usr/bin/env python3
"""Stands in for conda, where there is none: speaks to Snakemake as conda does, and makes what an environment file asks
for from the packages of the Python that runs it, and nothing else.

Such an environment is a virtual one in which only the pinned distributions stand, as links. It takes a second, no
download, and shows what a real one would: which `python` a job finds, and what that can import.
"""

import itertools
import json
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ACTIVATE = '#!/bin/bash\nexport PATH="$1/bin:$PATH"\necho "$1" >> "{used}"\n'


def install(prefix: Path) -> None:
    """Put `conda` and its activation script under `prefix`/bin; environments that are activated are noted in `used`."""
    (prefix / "bin").mkdir(parents=True)
    program = prefix / "bin" / "conda"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__)}" "{prefix}" "$@"\n')
    program.chmod(0o755)
    (prefix / "bin" / "activate").write_text(ACTIVATE.format(used=prefix / "used"))


def create(environment: Path, prefix: Path) -> None:
    """Make the environment that the file describes."""
    venv.create(prefix, symlinks=True)
    packages = next(prefix.glob("lib/python*/site-packages"))
    pins = next(one for one in yaml.safe_load(environment.read_text())["dependencies"] if isinstance(one, dict))["pip"]
    for pin in map(Requirement, pins):
        if pin.marker is None or pin.marker.evaluate():
            found = distribution(pin.name)
            assert pin.specifier.contains(found.version.partition("+")[0]), f"{found.name} {found.version}"
            for part in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
                if not (packages / part).exists():
                    (packages / part).symlink_to(found.locate_file(part))


def main(home: str, *arguments: str) -> None:
    """Answer as conda does that is installed in `home`."""
    if arguments == ("--version",):
        print("conda 25.1.0")
    elif arguments[0] == "info":
        print(json.dumps({"conda_prefix": home, "platform": "linux-64"}))
    elif arguments[0] == "config":
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif arguments[:2] == ("env", "create"):
        named = dict(itertools.pairwise(arguments))
        create(Path(named["--file"]), Path(named["--prefix"]))
    elif arguments[0] != "clean":
        sys.exit(f"conda {arguments}?")


if __name__ == "__main__":
    main(*sys.argv[1:])
