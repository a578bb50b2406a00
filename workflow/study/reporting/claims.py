"""What others claim and what was found here: the page of claims, and its short form on the landing page."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.claims import COMPATIBLE, INCONCLUSIVE, NOT_REPRODUCED, NOT_TESTED, REPRODUCED
from study.analysis.scores import METRICS
from study.findings import text
from study.findings.results import Results
from study.reporting.markup import Column, table

# no verdict is colour alone
MARKS = {REPRODUCED: "✓", COMPATIBLE: "≈", NOT_REPRODUCED: "✗", INCONCLUSIVE: "?", NOT_TESTED: "–"}
OTHER_METRICS = {
    "class_sd": "SD of the classes' true accuracies",
    "within_superclass": "errors that stay within the superclass",
}
IN_POINTS = ("train_val_gap", "class_sd")
SIGNS = {"equals": "", "at_least": "at least ", "at_most": "at most "}


def claims_page(results: Results) -> list[dict[str, Any]]:
    """Every claim: what it expects, what was measured, the verdict and its reason."""
    columns = [
        Column("text", "Claim", None, "source"),
        Column("model_name", "Model", None, "minus"),
        Column("metric", "Metric"),
        Column("expects", "Expected"),
        Column("shown", "Measured", None, "interval"),
        Column("seeds", "Seeds"),
        Column("judged", "Verdict"),
        Column("reason", "Reason"),
    ]
    note = (
        "A published number is compared with the 95 % prediction interval for one more run. A directional claim, such "
        "as 'at least 20 points', counts as reproduced if the whole 95 % interval of what was measured satisfies it. "
        "Inside a prediction interval means compatible, no more: the fewer the seeds, the wider the interval. Each "
        "claim is judged on its own, without adjustment for their number. The models are those of this study, so a "
        "difference in recipe is part of any difference."
    )
    return [table("Claims and verdicts", claim_rows(results), columns, results.csv("claims"), note)]


def claim_rows(results: Results) -> pd.DataFrame:
    """claims.csv with every cell as a reader sees it."""
    frame = results.tables["claims"].copy()
    is_difference = frame["baseline"].notna() | frame["metric"].isin(IN_POINTS)
    unit = np.where(is_difference, "\u00a0points", "\u00a0%")
    known = frame["measured"].notna()
    names = frame[["model", "baseline"]].apply(lambda column: column.map(lambda name: results.labels.get(name, name)))
    frame["model_name"] = names["model"]
    frame["minus"] = ["" if pd.isna(name) else f"minus {name}" for name in names["baseline"]]
    frame["metric"] = frame["metric"].map(OTHER_METRICS | {name: one.title for name, one in METRICS.items()})
    frame["expects"] = [
        f"{SIGNS[judgement]}{text.published(expected)}{one}"
        for judgement, expected, one in zip(frame["judgement"], frame["expected"], unit, strict=True)
    ]
    frame["shown"] = [text.percent(value) + one for value, one in zip(frame["measured"], unit, strict=True)]
    frame["shown"] = frame["shown"].where(known, text.NOTHING)
    frame["interval"] = [text.spread(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
    frame["interval"] = frame["interval"].where(frame["low"].notna(), "")
    frame["seeds"] = frame["n_seeds"].astype(str).where(known, text.NOTHING)
    frame["mark"] = frame["verdict"].map(MARKS)
    frame["judged"] = frame["mark"] + "\u00a0" + frame["verdict"]
    return frame


def claims_in_short(results: Results) -> dict[str, Any]:
    """{"sentence": the reason if no claim is tested for one and the same; "rows": else the claims}."""
    frame = claim_rows(results)
    reasons = frame["reason"].unique()
    if len(reasons) == 1 and (frame["verdict"] == NOT_TESTED).all():
        claims = text.counted(len(frame), "claim")
        return {"sentence": f"{claims}: not tested here. {reasons[0]}", "rows": []}
    frame["found"] = frame["shown"] + frame["interval"].map(lambda interval: f" ({interval})" if interval else "")
    frame["found"] = frame["found"].where(frame["measured"].notna(), frame["reason"])
    return {"sentence": "", "rows": frame[["text", "mark", "verdict", "expects", "found"]].to_dict("records")}
