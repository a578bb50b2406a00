"""Files inside installed packages, found without importing them."""

import importlib.util
from pathlib import Path

from study.errors import StudyError


def weights_file(package: str) -> Path:
    """Return the one .pth file of a package. Raises StudyError if it is not installed, or has none or several."""
    found = importlib.util.find_spec(package.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise StudyError(f"The package {package} with the weights is not installed; run `make env`.")
    files = [path for root in found.submodule_search_locations for path in sorted(Path(root).rglob("*.pth"))]
    if len(files) != 1:
        raise StudyError(f"The package {package} holds {len(files)} weights files instead of one; use weights: file:.")
    return files[0]
