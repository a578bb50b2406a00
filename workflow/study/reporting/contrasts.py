"""The differences that the study asks for: which model is better, by how much, and how surely."""

from functools import partial
from typing import Any

import numpy as np

from study.analysis.scores import METRICS
from study.analysis.uncertainty import MIN_SEEDS
from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources


def contrasts_page(sources: Sources) -> list[dict[str, Any]]:
    """The differences the study asks for, and two descriptions of them: wins of seeds, and McNemar's test."""
    return [contrasts_table(sources), mcnemar_table(sources)]


def contrasts_table(sources: Sources) -> dict[str, Any]:
    """Each contrast of the study, in percentage points."""
    frame = sources.tables["contrasts"].copy()
    frame["label"] = [sources.contrast_label(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    frame["what"] = [METRICS[metric].title for metric in frame["metric"]]
    for part in ("seeds", "images"):
        frame[f"sd_{part}"] = np.sqrt(frame[f"var_{part}"])
    pairs = frame["n_seeds"] * frame["n_seeds_baseline"]
    frame["wins_of"] = [f"of {text.counted(count, 'pair')}" if count else "" for count in pairs]
    points = text.points
    columns = [
        Column("label", "Difference"),
        Column("what", "Metric"),
        Column("difference", "Difference (points)", points),
        Column("low", "95 % low", points),
        Column("high", "95 % high", points),
        Column("lowest", "Lowest, single runs", points),
        Column("highest", "Highest, single runs", points),
        Column("sd_seeds", "SE from seeds", partial(text.percent, digits=2)),
        Column("sd_images", "SE from images", partial(text.percent, digits=2)),
        Column("p_holm", "p, Holm", text.p_value),
        Column("probability_of_improvement", "Ahead (% of pairs)", partial(text.percent, digits=0), "wins_of"),
        Column("n_seeds", "Seeds", text.whole),
        Column("n_seeds_baseline", "Seeds, baseline", text.whole),
        Column("method", "Interval over"),
    ]
    tested = int(frame["p_holm"].notna().sum())
    enough = f"at least {MIN_SEEDS} seeds of both models"
    test = f"Nothing is tested here, because that takes {enough}."
    if tested:
        test = (
            "p is two-sided, of the same t as the interval, and adjusted by Holm's method for "
            f"{text.counted(tested, 'comparison')} of test accuracy: only those of {enough} are tested, and no other "
            "metric is."
        )
    note = (
        f"In percentage points; images are paired. {test} Ahead: the share of all pairs of a seed of the model and a "
        "seed of the baseline in which the model's is higher, ties counting half (the probability of improvement)."
    )
    return table("Differences", frame, columns, sources.csv("contrasts"), note)


def mcnemar_table(sources: Sources) -> dict[str, Any]:
    """McNemar's test of every pair of networks: it describes these two, and says nothing about other seeds."""
    frame = sources.tables["mcnemar"].copy()
    frame["label"] = [sources.contrast_label(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    columns = [
        Column("label", "Difference", choose=True),
        Column("seed", "Seed", text.whole),
        Column("seed_baseline", "Seed, baseline", text.whole),
        Column("only_model", "Only the model right (images)", text.whole),
        Column("only_baseline", "Only the baseline right (images)", text.whole),
        Column("p", "p, McNemar", text.p_value),
    ]
    note = (
        "Two trained networks at a time, on the same test images: how many each gets right that the other does not, "
        "and the p of McNemar's exact test that both numbers are equal. It compares two networks, not two methods, "
        "because another seed gives another network; p is not adjusted. For the methods see the table above."
    )
    return table("Network against network, as a description", frame, columns, sources.csv("mcnemar"), note)
