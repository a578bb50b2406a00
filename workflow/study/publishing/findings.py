"""What a published study found, in sentences that are computed from its tables: every case has its own wording."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from study.analysis.differences import BETTER, EQUIVALENT, NOT_TESTED, WORSE
from study.analysis.ranking import on_front
from study.findings import text
from study.findings.compare import Compared, class_differences, difference, pretrained_and_scratch
from study.findings.results import Results, best_model
from study.findings.runs import minutes_unit, sharing

NAMED = 5  # classes that a sentence names at most


def between_runs(results: Results, model: str, other: str | None) -> tuple[float, float] | None:
    """The range of the differences between single runs of two models; None where either has no finished run."""
    runs = results.rows("runs", outcome="finished")
    values, others = (runs.loc[runs["model"] == name, "test_accuracy"] for name in (model, other))
    return (values.min() - others.max(), values.max() - others.min()) if len(values) and len(others) else None


def answer(results: Results) -> str:
    """The study's question in a sentence or two."""
    found = pretrained_and_scratch(results)
    if found is None:
        model = best_model(results.tables["models"])
        return f"Pretrained models cannot be compared with models from scratch yet; so far: {reached(results, model)}."
    more = "more" if found.difference > 0 else "less"
    size = f"{text.percent(abs(found.difference))} percentage points {more} accurate"
    claim = f"With ImageNet weights, the best model is {size} than the best from random weights"
    if not found.is_clear:
        size = f"{text.points(found.difference)} points"
        claim = f"The best models with ImageNet weights and from random weights do not differ clearly: {size}"
    said = f"**{claim}** ({_span(found)}): {reached(results, found.model)}, against {reached(results, found.other)}."
    if _entry(results, found.model)["architecture"] != _entry(results, found.other)["architecture"]:
        trained = [training(results, name) for name in (found.model, found.other)]
        how = ", against ".join(trained)
        said += f" The two differ not only in their weights, but also in network and recipe: {how}."
    baseline = difference(results, found.model, results.config["baseline"])
    if baseline is not None and baseline.other != found.other:
        name = results.labels[baseline.other]
        said += (
            f" The gain over the baseline, {name}, is {text.points(baseline.difference)} points ({_span(baseline)})."
        )
    return said


def reached(results: Results, model: str) -> str:
    """The mean test accuracy of a model that has a finished run."""
    row = results.rows("models", model=model, metric="test_accuracy").iloc[0]
    seeds = text.counted(int(row["n_seeds"]), "seed")
    return f"{text.percent(row['mean'])} % for {results.labels[model]} ({seeds})"


def training(results: Results, model: str) -> str:
    """For how long a model may train, and at what sizes of the images."""
    entry = _entry(results, model)
    recipe, tested = results.config["recipes"][entry["recipe"]], entry["input_size"]
    if entry["regime"] == "frozen":
        return f"head only, {tested} px"
    sizes = recipe.get("input_sizes") or [tested]
    trained = "–".join(map(str, sorted({min(sizes), max(sizes)})))
    px = f"{trained} px" + f", tested at {tested}" * (set(sizes) != {tested})
    most = "at most " * bool(recipe["early_stopping"])
    return f"{most}{text.counted(recipe['epochs'], 'epoch')}, {px}"


def same_network(results: Results) -> str:
    """What pretrained weights are worth in one network at one resolution; empty where the study does not test it."""
    for pair in results.config["contrasts"]:
        first, second = (_entry(results, pair[side]) for side in ("model", "baseline"))
        is_same = all(first[key] == second[key] for key in ("architecture", "input_size"))
        if not is_same or (first["weights"] is None) == (second["weights"] is None):
            continue
        names = (pair["model"], pair["baseline"]) if first["weights"] else (pair["baseline"], pair["model"])
        found = difference(results, *names)
        if found is None:
            continue
        recipes = [results.config["recipes"][_entry(results, name)["recipe"]] for name in names]
        epochs = [recipe["epochs"] for recipe in recipes]
        how = f"for {epochs[0]} epochs" if epochs[0] == epochs[1] else (
            f"for at most {epochs[0]} and {epochs[1]} epochs")  # fmt: skip
        recipe = " with the same recipe" if recipes[0] == recipes[1] else ", each with its own recipe"
        train = results.rows("models", metric="train_accuracy").set_index("model")["mean"]
        return (
            f"The same network at the same resolution, with and without pretrained weights, trained {how}{recipe}: "
            f"{results.labels[found.model]} minus {results.labels[found.other]} is {text.points(found.difference)} "
            f"points ({_span(found)}). On the training images they reach {text.percent(train[found.model])} and "
            f"{text.percent(train[found.other])} %; more epochs would change the difference."
        )
    return ""


def classes_without_gain(results: Results) -> str:
    """Which classes gain nothing from pretraining."""
    found = pretrained_and_scratch(results)
    rows = pd.DataFrame() if found is None else class_differences(results, found).dropna(subset="difference")
    if rows.empty:
        return "**Where pretraining gains least** cannot be said yet: it takes a pretrained model and one from scratch."
    name, other = results.labels[found.model], results.labels[found.other]
    rows = rows.sort_values(["difference", "class_id"])
    said = f"**Where pretraining gains least.** {name} against {other}, class by class: "
    least = ". The smallest differences, in points: " + _with_points(rows.head(NAMED)) + "."
    if (rows["verdict"] == NOT_TESTED).all():
        ahead = int((rows["difference"] > 0).sum())
        return f"{said}ahead in {ahead} of {len(rows)}, with too few seeds to test single classes{least}"
    count = {verdict: int((rows["verdict"] == verdict).sum()) for verdict in (BETTER, WORSE, EQUIVALENT)}
    margin = text.published(results.config["equivalence_margin"])
    return (
        f"{said}better in {count[BETTER]} of {len(rows)} and worse in {count[WORSE]} (p < 0.05 after Holm's "
        f"correction), equivalent within {margin} points in {count[EQUIVALENT]}; for the other "
        f"{len(rows) - sum(count.values())} there are too few test images to tell{least}"
    )


def remaining_errors(results: Results) -> str:
    """What the best model still gets wrong."""
    model = best_model(results.tables["models"])
    errors = results.rows("errors", model=model).iloc[0]
    confusion = results.rows("confusion", model=model)
    wrong = confusion[confusion["true_id"] != confusion["predicted_id"]]
    by_class = wrong.groupby("true_id")["count"].sum().sort_values(ascending=False)
    top5 = results.rows("models", model=model, metric="test_top5")["mean"].iloc[0]
    hardest = max(1, round(len(results.dataset.fine_names) / 10))
    said = (
        f"**What errors remain.** {results.labels[model]} gets {text.percent(errors['errors'])} % of the test images "
        f"wrong; for {text.percent(1 - top5)} % the true class is not among its five best."
    )
    if wrong.empty:
        return said
    if results.has_superclasses:
        said += (
            f" {text.percent(errors['within_superclass'], 0)} % of its errors stay within the superclass "
            f"({text.percent(errors['expected_by_chance'], 0)} % would by chance)."
        )
    share = text.percent(by_class.head(hardest).sum() / by_class.sum(), 0)
    return (
        f"{said} {share} % of its errors are in the {text.counted(hardest, 'hardest class', 'hardest classes')}. Most "
        f"often confused: {_pairs(results, wrong)}."
    )


def run_seconds(results: Results) -> tuple[pd.Series, str]:
    """Seconds that a finished run of each model takes on average, and what they are: "CPU minutes" or "minutes"."""
    costs = results.finished_costs()
    return costs.groupby("model")["run_seconds"].mean(), minutes_unit(costs)


def cost_of_a_point(results: Results) -> str:
    """What accuracy costs, from one model of the Pareto front to the next."""
    seconds, unit = run_seconds(results)
    models = results.rows("models", metric="test_accuracy").set_index("model").loc[seconds.index]
    models["seconds"] = seconds
    models["on_front"] = on_front(models["mean"].to_numpy(float), seconds.to_numpy(float))
    models = models.sort_values("seconds", kind="stable")
    if (at_once := sharing(results)) > 1:
        took = [f"{row.label} {text.minutes(row.seconds)}" for row in models.itertuples()]
        return (
            f"**What a point costs** cannot be told. Up to {at_once} runs shared a GPU, so the {unit} of a run "
            f"depend on what ran beside it and do not rank the models. Means: {'; '.join(took)}."
        )
    kinds = len(machines(results))
    mixed = f" The runs are from {kinds} kinds of machine, so small differences in time mean nothing." * (kinds > 1)
    return f"**What a point costs** (mean {unit} per run). {_along_the_front(models)}{mixed}"


def machines(results: Results) -> list[tuple[str, int]]:
    """The kinds of machine that the finished runs are from: name of the device, and threads."""
    costs = results.finished_costs()
    return sorted(set(zip(costs["device_name"], costs["threads"].astype(int), strict=True)))


def _along_the_front(models: pd.DataFrame) -> str:
    """What each model of the Pareto front costs more than the one before, and which models are not on it."""
    front = list(models[models["on_front"]].itertuples())
    said = f"{front[0].label} takes {text.minutes(front[0].seconds)} for {text.percent(front[0].mean)} %"
    for before, after in itertools.pairwise(front):
        each = (after.seconds - before.seconds) / (100 * (after.mean - before.mean))
        said += (
            f"; {after.label} {text.minutes(after.seconds)} for {text.percent(after.mean)} %, {text.minutes(each)} for "
            "each point more"
        )
    beaten = [f"{row.label} ({text.minutes(row.seconds)})" for row in models[~models["on_front"]].itertuples()]
    return (
        said + "." + (f" The others take at least as long and are less accurate: {', '.join(beaten)}." * bool(beaten))
    )


def _entry(results: Results, model: str) -> dict:
    return results.config["models"][model]


def _span(found: Compared) -> str:
    return found.span + (", too few for an interval" if np.isnan(found.low) else "")


def _with_points(rows: pd.DataFrame) -> str:
    return _listed(
        [f"{text.words(row['class'])} ({text.points(row['difference'])})" for row in rows.to_dict("records")]
    )


def _pairs(results: Results, wrong: pd.DataFrame) -> str:
    """The three pairs of classes with the most confusions, in both directions together."""
    ends = np.sort(wrong[["true_id", "predicted_id"]].to_numpy(), axis=1)
    counts = wrong["count"].groupby([ends[:, 0], ends[:, 1]]).sum().sort_values(ascending=False, kind="stable")
    names = [text.words(name) for name in results.dataset.fine_names]
    return _listed([f"{names[first]} with {names[second]}" for first, second in counts.index[:3]])


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
