"""Count the basic numbers of a published study again from its evidence, in plain numpy; compare them with its tables.

    python reference/recount.py reference/cpu

Nothing of the project is imported: whoever doubts its analysis can read this file instead, and it is what a reader
would write. It counts accuracies, NLL, ECE, class accuracies, confusions, bins of confidence and differences of models.
Log-probabilities are stored as float16, which moves NLL and ECE by up to 2^-10 of the mean that it rounds.
"""

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

KEYS = ("model", "baseline", "images_per_class", "seed", "metric", "scaled", "bin",
        "class_id", "superclass_id", "true_id", "predicted_id")  # fmt: skip
BINS = 15
ROUNDED = ("test_nll", "test_ece")


def recount(study):
    """Rows of numbers by table, {"models": [{"model": ..., "metric": ..., "mean": ...}, ...], ...}."""
    with np.load(study / "labels.npz") as stored:
        labels = dict(stored)
    is_test = labels["split"] == 2
    truth = {"fine": labels["fine"][is_test].astype(int)}
    if len(labels["coarse"]):
        of_class = np.zeros(len(labels["fine_names"]), int)
        of_class[labels["fine"]] = labels["coarse"]
        truth |= {"coarse": labels["coarse"][is_test].astype(int), "of_class": of_class}
    found = defaultdict(list)
    for folder in sorted((study / "runs").iterdir()):
        runs = {}
        for path in sorted(folder.glob("seed-*/evidence.npz")):
            runs[int(path.parent.name.removeprefix("seed-"))] = evidence_of(path, labels, truth)
        for table, rows in of_model(runs, truth).items() if runs else ():
            found[table] += [{"model": folder.name} | row for row in rows]
        for path in sorted(folder.glob("per-class-*/seed-*/evidence.npz")):  # runs on few images of each class
            few, seed = (int(part.rpartition("-")[2]) for part in path.parts[-3:-1])
            with np.load(path) as stored:
                accuracy = (with_true(stored["test_best"], truth["fine"]) == truth["fine"]).mean()
            run = {"model": folder.name, "images_per_class": few, "seed": seed}
            found["label_runs"].append(run | {"test_accuracy": accuracy})
    errors = {row["model"]: row["errors"] for row in found["errors"]}
    for row in read(study / "tables" / "contrasts.csv"):
        if row["metric"] == "test_accuracy" and {row["model"], row["baseline"]} <= errors.keys():
            pair = {key: row[key] for key in ("model", "baseline", "metric")}
            found["contrasts"].append(pair | {"difference": errors[row["baseline"]] - errors[row["model"]]})
    return found


def evidence_of(path, labels, truth):
    """The arrays of an evidence.npz, with every class, superclass and log-probability in its place."""
    with np.load(path) as stored:
        found = dict(stored)
    held_out = found.get("val_ids", np.flatnonzero(labels["split"] == 1))
    found["val_right"] = with_true(found["val_best"], labels["fine"][held_out]) == labels["fine"][held_out]
    found["best"] = with_true(found["test_best"], truth["fine"])
    found["log_true"] = np.where(found["test_rank"] == 0, found["test_log_top"], found["test_log_true"])
    if "coarse" in truth:
        found["superclass"] = with_true(found["test_superclass"], truth["of_class"][found["best"]])
    return found


def with_true(stored, usual):
    """The classes, where the largest number of the type stands for the true class, or the best class's superclass."""
    return np.where(stored == np.iinfo(stored.dtype).max, usual, stored).astype(int)


def of_model(runs, truth):
    """Rows of one model, without its name, from the evidence of its runs by seed."""
    fine = truth["fine"]
    numbers = {seed: of_run(evidence, truth) for seed, evidence in runs.items()}
    named = np.array([evidence["best"] for evidence in runs.values()])
    pairs, counts = np.unique(np.stack([np.tile(fine, len(named)), named.ravel()]), axis=1, return_counts=True)
    bins = bin_of(np.array([evidence["test_log_top"] for evidence in runs.values()]))
    rows = {
        "runs": [{"seed": seed} | values for seed, values in numbers.items()],
        "models": [
            {"metric": name} | over_seeds([values[name] for values in numbers.values()])
            for name in next(iter(numbers.values()))
        ],
        "errors": [{"errors": (named != fine).mean()}],
        "classes": by_group("class_id", named == fine, fine),
        "confusion": [
            {"true_id": true, "predicted_id": taken_for, "count": count}
            for true, taken_for, count in zip(*pairs, counts, strict=True)
        ],
        "calibration": [
            {"scaled": 0, "bin": number, "n_images": (bins == number).sum() / len(runs)}
            for number in range(1, BINS + 1)
        ],
    }
    if "coarse" in truth:
        rows["superclasses"] = by_group("superclass_id", truth["of_class"][named] == truth["coarse"], truth["coarse"])
    return rows


def of_run(evidence, truth):
    """The numbers of one run."""
    right = evidence["best"] == truth["fine"]
    confidence, bins = np.exp(evidence["test_log_top"].astype(float)), bin_of(evidence["test_log_top"])
    gap = right - confidence
    numbers = {
        "test_accuracy": right.mean(),
        "test_top5": (evidence["test_rank"] < 5).mean(),
        "val_accuracy": evidence["val_right"].mean(),
        "test_nll": -evidence["log_true"].astype(float).mean(),
        "test_ece": sum(abs(gap[bins == number].sum()) for number in range(1, BINS + 1)) / len(right),
    }
    if "coarse" in truth:
        numbers["test_superclass"] = (truth["of_class"][evidence["best"]] == truth["coarse"]).mean()
        numbers["test_superclass_summed"] = (evidence["superclass"] == truth["coarse"]).mean()
    return numbers


def bin_of(log_top):
    """The bin of confidence, 1 to BINS; bin m holds ((m - 1) / BINS, m / BINS]."""
    return np.ceil(np.exp(log_top.astype(float)) * BINS).astype(int)


def over_seeds(values):
    return {"n_seeds": len(values), "mean": np.mean(values), "min": min(values), "max": max(values)}


def by_group(key, right, group):
    """The share of right answers, bool [seeds, images], by group int [images]."""
    return [{key: number, "accuracy": right[:, group == number].mean()} for number in np.unique(group)]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def differing(study, table, rows):
    """(cells compared, a line for each that differs)."""
    keys = [key for key in KEYS if key in rows[0]]
    printed = {tuple(row[key] for key in keys): row for row in read(study / "tables" / f"{table}.csv")}
    compared, wrong = 0, []
    for row in rows:
        key = tuple(str(row[name]) for name in keys)
        for name in row.keys() - set(keys):
            cell, value = printed.get(key, {}).get(name) or "nan", row[name]
            allowed = 1e-6 + 2**-10 * max(1.0, value) * any(one in ROUNDED for one in (name, *key))
            compared += 1
            if not abs(float(cell) - value) <= allowed:
                wrong.append(f"{table}.csv, {', '.join(key)}: {name} is {cell}, counted {value:.6f}")
    return compared, wrong


def main(study):
    title = json.loads((study / "config.json").read_text(encoding="utf-8"))["dataset"]["title"]
    results = [differing(study, table, rows) for table, rows in recount(study).items() if rows]
    wrong = [line for _, lines in results for line in lines]
    print(
        *wrong,
        f"{title}, {study}: {sum(count for count, _ in results):,} numbers counted, {len(wrong)} differ",
        sep="\n",
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
