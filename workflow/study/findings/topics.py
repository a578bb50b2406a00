"""The findings of a study by topic, each in a sentence computed from its tables, and in more of them what it rests on.

A heading has no full stop; the story, the pages of the report and the page on a published study show it alike. What is
of two models is of those of the headline, unless it is given others.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from study.analysis.heterogeneity import SURE
from study.analysis.ranking import on_front
from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.compare import Compared, class_differences, headline, lasting_share, with_pair
from study.findings.headline import answer
from study.findings.learning import learning
from study.findings.results import Results, best_model
from study.findings.runs import all_runs, is_cpu_time, machines, minutes_unit, run_seconds, sharing, training_compute
from study.findings.worth import at_budgets, compute, labels

FEW = 5  # classes, from which on how much they differ can be estimated
CLEARLY = 1.1  # a time that differs by less than a tenth is about the same
NAMED = 5  # classes that a sentence names at most
LIKELY = 0.05  # a p from here on says nothing
WIDE = 1.96  # standard deviations to either side that hold 95 %


def steps(results: Results) -> str:
    """Which step of the cumulative ablation adds most, and how many have no clear effect."""
    known = results.tables["ladder"].dropna(subset="difference")
    if known.empty:
        return "No step of the cumulative ablation can be compared with the one above it"
    most = known.loc[known["difference"].idxmax()]
    if most["difference"] <= 0:
        return "No step adds accuracy to the one above it"
    said = f"“{most['change']}” adds most: {text.points(most['difference'])} points"
    if len(known) > 1:
        total = text.points(known["difference"].sum())
        said += f" of the {total} that all {len(known)} steps add up to"
    tested = known.dropna(subset=["low", "high"])
    unclear = int(((tested["low"] <= 0) & (tested["high"] >= 0)).sum())
    if unclear:
        has = "has" if unclear == 1 else "have"
        said += f"; {unclear} of {text.counted(len(tested), 'step')} {has} no clear effect"
    return said


def classes(results: Results, two: Compared | None = None) -> str:
    """In how many classes the model of the headline is better than the other, worse or neither."""
    two = two or headline(results)
    rows = pd.DataFrame() if two is None else class_differences(results, two).dropna(subset="difference")
    if rows.empty:
        return f"How accurate each of the {len(results.dataset.fine_names)} classes is"
    name, other, every = (
        text.opening(results.names[two.model]),
        results.names[two.other],
        text.counted(len(rows), "class", "classes"),
    )
    gains = rows["gain_probability"]
    if gains.isna().all():
        ahead, behind = int((rows["difference"] > 0).sum()), int((rows["difference"] < 0).sum())
        few = "too few seeds to test single classes"
        return f"{name} is ahead of {other} in {ahead} of {every} and behind in {behind}; {few}"
    sure = f"{int((gains >= SURE).sum())} of {every} and worse in {int((gains <= 1 - SURE).sum())}"
    worse = text.number((1 - gains).sum(), 1)
    expected = f"; it is expected to be worse in {worse}" if worse != "0.0" else ""
    sure += f", each with a probability of at least {text.percent(SURE, 0)} %"
    return f"{name} is better than {other} in {sure}{expected}"


def smallest_differences(results: Results, two: Compared | None = None) -> str:
    """The classes in which the model of the headline gains least; nothing of two classes, or where it is not known."""
    two = two or headline(results)
    rows = pd.DataFrame() if two is None else class_differences(results, two).dropna(subset="difference")
    if len(rows) < 3:
        return ""
    is_known = rows["shrunken"].notna().all()
    by = "shrunken" if is_known else "difference"
    named = []
    for row in rows.sort_values([by, "class_id"]).head(NAMED).to_dict("records"):
        width = f" ± {text.percent(WIDE * row['shrunken_sd'], 0)}" if is_known else ""
        named.append(f"{text.words(row['class'])} ({text.points(row[by])}{width})")
    luck = " with 95 % intervals, drawn towards the mean because the smallest of many are so by luck too"
    return f"The smallest differences, in points{luck * bool(is_known)}: {text.listed(named)}."


def how_much_classes_differ(results: Results, two: Compared | None = None) -> str:
    """How much the classes differ in what they gain, chance apart; nothing where it cannot be said."""
    two = two or headline(results)
    rows = pd.DataFrame() if two is None else with_pair(results, "heterogeneity", two.model, two.other)
    if rows.empty or np.isnan(rows["p"].iloc[0]) or rows["n_groups"].iloc[0] < FEW:
        return ""
    row = rows[rows["level"] == "class"].iloc[0]
    p = text.p_value(row["p"])
    p = f"p {p if p.startswith('<') else f'= {p}'}"
    if row["p"] >= LIKELY:
        return f"That some classes gain more than others may be chance ({p})."
    return (
        f"That some gain more than others is more than chance ({p}): the standard deviation of the true gains is "
        f"{text.percent(row['true_sd'])} points (95 % interval {text.percent(row['low'])} to "
        f"{text.percent(row['high'])}), that of the measured ones {text.percent(row['observed_sd'])}."
    )


def about_classes(results: Results, two: Compared | None = None) -> list[str]:
    """What there is to say of the classes beside how many gain."""
    return list(filter(None, [how_much_classes_differ(results, two), smallest_differences(results, two)]))


def counts(results: Results, model: str) -> np.ndarray:
    """Predictions of all finished seeds, int [true class, predicted class]."""
    matrix = np.zeros((len(results.dataset.fine_names),) * 2, dtype=int)
    rows = results.rows("confusion", model=model)
    matrix[rows["true_id"].to_numpy(int), rows["predicted_id"].to_numpy(int)] = rows["count"].to_numpy(int)
    return matrix


def confused_pairs(matrix: np.ndarray) -> list[tuple[int, int, float]]:
    """Unordered pairs of classes, the most often mixed up first: (a, b, share of both classes' images), a < b.

    `matrix` int [true class, predicted class]. Pairs never mixed up are left out; ties: the one of the
    lower class numbers first.
    """
    images = matrix.sum(axis=1)
    first, second = np.triu_indices(len(matrix), k=1)
    mixed = matrix[first, second] + matrix[second, first]
    share = mixed / np.maximum(images[first] + images[second], 1)
    order = np.argsort(-share, kind="stable")
    return [(int(first[pair]), int(second[pair]), float(share[pair])) for pair in order if mixed[pair]]


def _spoken_of(results: Results) -> str | None:
    """The model whose mistakes are told: that of the headline or, where there is none, the best by validation."""
    two = headline(results)
    return best_model(results.tables["models"]) if two is None else two.model


def confusions(results: Results, two: Compared | None = None) -> str:
    """What the model of the headline mixes up most, and how many of its errors stay within the superclass."""
    model = two.model if two else _spoken_of(results)
    pairs = confused_pairs(counts(results, model)) if model else []
    if not pairs:
        return "No mistakes to show"
    first, second, share = pairs[0]
    names = [text.words(results.dataset.fine_names[number]) for number in (first, second)]
    said = (
        f"{text.opening(results.names[model])} most often confuses {names[0]} with {names[1]}: "
        f"{text.percent(share, 0)} % of their images"
    )
    if not results.has_superclasses:
        return said
    errors = results.rows("errors", model=model).iloc[0]
    return (
        f"{said}; {text.percent(errors['within_superclass'], 0)} % of its errors stay within the superclass "
        f"({text.percent(errors['expected_by_chance'], 0)} % by chance)"
    )


def remaining_errors(results: Results) -> str:
    """How many errors the model of the headline still makes, and where; nothing where no run finished."""
    model = _spoken_of(results)
    if model is None:
        return ""
    matrix = counts(results, model)
    wrong = np.sort(matrix.sum(axis=1) - matrix.diagonal())[::-1]
    share = text.percent(wrong.sum() / matrix.sum())
    said = f"{text.opening(results.names[model])} gets {share} % of the test images wrong"
    for top5 in results.rows("models", model=model, metric="test_top5")["mean"]:  # of up to five classes there is none
        said += f"; for {text.percent(1 - top5)} % the true class is not among its five best"
    said += "."
    if not wrong.any():
        return said
    hardest = max(1, round(len(matrix) / 10))
    share = text.percent(wrong[:hardest].sum() / wrong.sum(), 0)
    pairs = [
        f"{text.words(results.dataset.fine_names[first])} with {text.words(results.dataset.fine_names[second])}"
        for first, second, _ in confused_pairs(matrix)[:3]
    ]
    return (
        f"{said} {share} % of its errors are in the {text.counted(hardest, 'hardest class', 'hardest classes')}. Most "
        f"often confused: {text.listed(pairs)}."
    )


def certainty(results: Results, two: Compared | None = None) -> str:
    """How surely the difference is known, and what its uncertainty comes from."""
    two = two or headline(results)
    if two is None or np.isnan(two.difference):
        return "How sure each model is of its answers"
    if np.isnan(two.low):
        return (
            f"Fewer than {MIN_SEEDS} seeds allow no interval: single runs differ by {text.points(two.lowest)} to "
            f"{text.points(two.highest)} points"
        )
    half = text.number(100 * (two.high - two.low) / 2, 1)
    whose = f" to {results.names[two.other]}" if len(at_budgets(results)) else ""  # not that of the answer
    said, images = f"The difference{whose} is known to within ±{half} points", lasting_share(results, two)
    if np.isnan(images):
        return said
    return (
        f"{said}; {text.percent(images, 0)} % of its variance comes from having only {results.n_test:,} test images, "
        "which more seeds do not change"
    )


def calibrations(results: Results) -> list[str]:
    """A remark for every model whose probabilities temperature scaling made worse on the test images."""
    means = results.tables["models"].pivot(index="model", columns="metric", values="mean").reindex(results.models)
    remarks = []
    for model, row in means.iterrows():
        before, after = row["test_ece"], row["test_ece_scaled"]
        if after > before and text.percent(after) != text.percent(before):
            remarks.append(
                f"Temperature scaling made the probabilities of {results.names[model]} worse on the test images: "
                f"ECE {text.percent(before)} % before, {text.percent(after)} % after."
            )
    return remarks


def costs(results: Results, two: Compared | None = None) -> str:
    """What training the model of the headline costs in time, against the other."""
    two = two or headline(results)
    seconds = run_seconds(results)
    if two is None or not {two.model, two.other} <= set(seconds.dropna().index) or not seconds[two.other] > 0:
        return "What a run of each model costs"
    if sharing(results) > 1:
        return _costs_in_compute(results, two)
    name, other, ratio = results.names[two.model], results.names[two.other], seconds[two.model] / seconds[two.other]
    is_cpu = is_cpu_time(results.tables["costs"])
    if 1 / CLEARLY <= ratio <= CLEARLY:
        need = "need about the same CPU time" if is_cpu else "take about the same time"
        return f"{text.opening(name)} and {other} {need} to train"
    if is_cpu:
        dear, cheap = (name, other) if ratio > 1 else (other, name)
        return f"{text.opening(dear)} needs {_times(max(ratio, 1 / ratio))} times as much CPU time to train as {cheap}"
    if ratio > 1:
        return f"{text.opening(name)} takes {_times(ratio)} times as long to train as {other}"
    return f"{text.opening(name)} trains {_times(1 / ratio)} times as fast as {other}"


def _costs_in_compute(results: Results, two: Compared) -> str:
    """The same in compute, where runs that shared a GPU have no time of their own."""
    compute = training_compute(results)
    ratio = compute[two.model] / compute[two.other]
    if np.isnan(ratio):
        return "What a run of each model costs, apart from its time"
    name, other = results.names[two.model], results.names[two.other]
    if 1 / CLEARLY <= ratio <= CLEARLY:
        return f"{text.opening(name)} and {other} train with about the same compute, pretraining left out"
    dear, cheap = (name, other) if ratio > 1 else (other, name)
    times = _times(max(ratio, 1 / ratio))
    return f"{text.opening(dear)} trains with {times} times the compute of {cheap}, pretraining left out"


def _times(ratio: float) -> str:
    return text.number(ratio, 1 if ratio < 10 else 0)


def times_and_accuracy(results: Results) -> str:
    """What a run of each model takes and reaches, and where times can be told apart, what a point more costs."""
    costs, seconds = results.finished_costs(), run_seconds(results)
    models = results.rows("models", metric=results.measure).set_index("model").loc[seconds.index]
    models = models.assign(seconds=seconds).sort_values("seconds", kind="stable")
    unit, kinds = minutes_unit(costs), len(machines(results))
    if (at_once := sharing(results)) > 1:
        took = [f"{row.label} {text.minutes(row.seconds)}" for row in models.itertuples()]
        return (
            f"Up to {at_once} runs shared a GPU, so the {unit} of a run depend on what ran beside it and do not rank "
            f"the models. Means: {'; '.join(took)}."
        )
    is_on = on_front(models["mean"].to_numpy(float), models["seconds"].to_numpy(float))
    spread = costs.groupby("model")["run_seconds"].agg(["min", "max"])
    timed_on = costs.groupby("model")["device_name"].agg(set)
    said, before = [], None
    for row in models[is_on].itertuples():
        part = f"{row.label} {text.minutes(row.seconds)} for {text.percent(row.mean)} %"
        # A step has no price within the spread of single runs, nor from one kind of machine to another.
        is_dearer = before is not None and spread.loc[row.Index, "min"] > spread.loc[before.Index, "max"]
        if is_dearer and len(timed_on[row.Index] | timed_on[before.Index]) == 1:
            each = (row.seconds - before.seconds) / (100 * (row.mean - before.mean))
            part += f", {text.minutes(each)} for each point more"
        said.append(part)
        before = row
    beaten = [f"{row.label} ({text.minutes(row.seconds)})" for row in models[~is_on].itertuples()]
    others = (
        f" Each of the others is, by these means, less accurate than one that takes no longer: {', '.join(beaten)}."
    )
    mixed = f" The runs are from {kinds} kinds of machine, so small differences in time mean nothing."
    which = f", and {results.measured}" * (results.measure != "test_accuracy")
    return f"Mean {unit} per run{which}: {'; '.join(said)}.{others * bool(beaten)}{mixed * (kinds > 1)}"


def methods(results: Results) -> str:
    """How many runs there are."""
    runs = all_runs(results)
    finished = int((runs["outcome"] == "finished").sum())
    every = text.counted(len(runs), "run")
    started = f"All {every}" if finished == len(runs) and finished > 1 else f"{finished} of {every}"
    return f"{started} finished; one command runs the study again"


FINDINGS: dict[str, Callable[[Results], str]] = {
    one.__name__: one for one in (steps, learning, labels, compute, classes, confusions, certainty, costs, methods)
} | {"answer": lambda results: answer(results).claim}
