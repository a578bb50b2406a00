"""The plan of the house holds: imports run as pyproject.toml says, and a file can be read in one sitting."""

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]


def test_imports_run_one_way(capsys):
    done = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert done == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_file_fits_in_one_sitting():
    files = sorted((ROOT / "workflow" / "study").rglob("*.py"))
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 310] == []
