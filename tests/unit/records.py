"""Records of studies for tests: what a test does not give is as little as config.json can say."""

from study.config.record import StudyRecord

MODEL = {"label": "", "regime": "scratch", "architecture": "cnn", "arguments": {}, "weights": None, "input_size": 32,
         "normalisation": "half", "recipe": "r"}  # fmt: skip
DATASET = {"name": "cifar100", "title": "Real", "synthetic": False, "classes": 100, "superclasses": 20,
           "validation": {"fraction": 0.1, "seed": 2021}}  # fmt: skip
COMPUTE = {"device": "cpu", "threads": 1, "precision": "float32"}


def record_of(dataset=(), models=(), **given):
    """The record of a study of these models; `given` are other fields, as config.json has them."""
    entries = {name: MODEL | entry for name, entry in dict(models).items()}
    empty = {"study": "s", "baseline": next(iter(entries), ""), "recipes": {}, "trials": {}, "grid": [],
             "compute": COMPUTE, "search": None, "headline": None, "contrasts": [], "equivalence_margin": 0.01,
             "ladder": [], "suspect_labels": None, "allow_missing": False, "claims": [], "literature": []}  # fmt: skip
    return StudyRecord.from_json(empty | {"dataset": DATASET | dict(dataset), "models": entries} | given)
