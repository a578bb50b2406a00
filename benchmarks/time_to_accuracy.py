"""`python -m benchmarks.time_to_accuracy FOLDER ...`: seconds until validation passes 40, 60, 70 and 81 %.

A history is FOLDER/.../history.csv, as a run writes it: a row per epoch with its val_accuracy and its seconds.
"""

import argparse
from pathlib import Path

import pandas as pd

TARGETS = (0.40, 0.60, 0.70, 0.81)


def seconds_to(history: pd.DataFrame, target: float) -> float:
    """Seconds from the start to the end of the first epoch whose validation accuracy is `target` or more, else NaN."""
    passed = history["val_accuracy"] >= target
    return float(history["seconds"].cumsum()[passed].min())


def table(*folders: Path) -> pd.DataFrame:
    """One row per history below `folders`: folder, epochs, seconds in all, best validation accuracy, `seconds_to`."""
    rows = []
    for folder, path in ((below, path) for below in folders for path in sorted(below.rglob("history.csv"))):
        history = pd.read_csv(path)
        row = {
            "run": path.parent.relative_to(folder.parent).as_posix(),
            "epochs": len(history),
            "seconds": history["seconds"].sum(),
            "best_val_accuracy": history["val_accuracy"].max(),
        }
        rows.append(row | {f"seconds_to_{round(100 * target)}": seconds_to(history, target) for target in TARGETS})
    return pd.DataFrame(rows)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_accuracy", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="where the histories lie")
    found = table(*parser.parse_args().folder)
    print(found.to_string(index=False, float_format="%.4g", na_rep="never") if len(found) else "no history.csv there")


if __name__ == "__main__":
    main()
