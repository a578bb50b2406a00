"""How well is a near-duplicate found? Held against a list judged by eye; prints the table in docs/duplicates.md.

    PYTHONPATH=workflow python -m benchmarks.near_duplicates results/reference/dataset.npz FEATURES.npz LIST.csv

LIST.csv is duplicates_cifar100.csv of github.com/cvjena/cifair, FEATURES.npz a file in results/reference/features.
Coefficients and threshold are fitted on the test images with even places; the table is of those with odd places. With
--sheet FILE.png it draws 100 of the odd hits that the list lacks, test image left, for a look at them.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from study.analysis.duplicates import SURE, THRESHOLD, near_duplicates
from study.analysis.look_alikes import COEFFICIENTS, measured_pairs
from study.data.dataset import TEST, read_dataset

RECALLS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97)
PLACE, JUDGMENT = "TestID", "Judgment"


def fit(pairs: pd.DataFrame, listed: pd.DataFrame) -> tuple[pd.Series, float]:
    """Coefficients and intercept of the chance that a pair is in the list; pairs with `place` even are used."""
    known = set(zip(listed[PLACE], listed["TrainID"], strict=True))
    is_known = np.array([pair in known for pair in zip(pairs["place"], pairs["train_place"], strict=True)])
    # other pairs of an image that is in the list may be near-duplicates as well
    used = (pairs["place"] % 2 == 0) & (is_known | ~pairs["place"].isin(listed[PLACE]))
    scaler = StandardScaler().fit(pairs.loc[used, list(COEFFICIENTS)])
    model = LogisticRegression(max_iter=2000).fit(scaler.transform(pairs.loc[used, list(COEFFICIENTS)]), is_known[used])
    slopes = pd.Series(model.coef_[0] / scaler.scale_, list(COEFFICIENTS))
    return slopes, float(model.intercept_[0] - (slopes * scaler.mean_).sum())


def curve(score: np.ndarray, listed: pd.DataFrame, recalls: tuple[float, ...] = RECALLS) -> pd.DataFrame:
    """By recall of judgments 0 and 1 among even places: what the same threshold does among odd ones.

    `score` float [T] is that of each test image, -inf where there is no candidate.
    """
    judged = np.full(len(score), 9)
    judged[listed[PLACE]] = listed[JUDGMENT]
    odd = np.arange(len(score)) % 2 == 1
    rows = []
    for recall in recalls:
        wanted = np.sort(score[~odd & (judged < 2)])[::-1]
        threshold = wanted[int(np.ceil(recall * len(wanted))) - 1]
        hit = score >= threshold
        rows.append({
            "threshold": threshold, "hits": int((hit & odd).sum()), "listed": int((hit & odd & (judged < 9)).sum()),
            **{name: hit[odd & among].mean() for name, among in (
                ("0 and 1", judged < 2), ("0", judged == 0), ("1", judged == 1), ("2", judged == 2))},
        })  # fmt: skip
    return pd.DataFrame(rows)


def draw(images: np.ndarray, pairs: np.ndarray, path: Path, columns: int = 10) -> None:
    """Write the pairs int [n, 2] of rows of `images`, three times as large, row by row."""
    both = images[pairs].transpose(0, 2, 1, 3, 4).reshape(len(pairs), 32, 64, 3)
    tiles = np.pad(both, ((0, -len(both) % columns), (2, 2), (2, 6), (0, 0)), constant_values=255)
    sheet = np.concatenate([np.hstack(tiles[row : row + columns]) for row in range(0, len(tiles), columns)])
    Image.fromarray(sheet).resize((3 * sheet.shape[1], 3 * sheet.shape[0]), Image.Resampling.BICUBIC).save(path)


def main() -> None:
    """Measure both searches and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("dataset", "features", "list"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    data, listed = read_dataset(args.dataset), pd.read_csv(args.list)
    first = data.ids(TEST)[0]  # the official training images come first
    with np.load(args.features) as stored:
        pairs = measured_pairs(data.images, data.split == TEST, stored["features"])
    pairs["place"], pairs["train_place"] = pairs["image_id"] - first, pairs["train_image_id"]
    slopes, intercept = fit(pairs, listed)
    pairs["score"] = pairs[list(COEFFICIENTS)] @ slopes + intercept
    best = pairs.sort_values("score").drop_duplicates("place", keep="last").set_index("place")
    score = np.full(len(data.ids(TEST)), -np.inf)
    score[best.index] = best["score"]
    print(slopes.round(2).to_dict(), round(intercept, 2))
    found = curve(score, listed)
    print(found.assign(threshold=expit(found["threshold"])).round(3).to_string())
    pixels = near_duplicates(data.images, data.fine, data.split == TEST)
    near = np.full(len(score), -np.inf)
    near[pixels["image_id"] - first] = -pixels["distance"]
    print("pixels alone:\n", curve(near, listed, (0.5,)).to_string())
    for limit in (THRESHOLD, SURE):
        hit, odd = near > -limit, listed[listed[PLACE] % 2 == 1]
        print(f"nearer than {limit}: {hit[1::2].sum()} hits; found by judgment:", hit[odd[PLACE]].sum(),
              pd.Series(hit[odd[PLACE]]).groupby(odd[JUDGMENT].to_numpy()).mean().round(3).to_dict())  # fmt: skip
    if args.sheet:
        threshold = found.loc[RECALLS.index(0.96), "threshold"]
        unlisted = best[(best["score"] >= threshold) & (best.index % 2 == 1) & ~best.index.isin(listed[PLACE])]
        some = unlisted.sample(min(100, len(unlisted)), random_state=2021).sort_values("score", ascending=False)
        draw(data.images, some[["image_id", "train_image_id"]].to_numpy(), args.sheet)


if __name__ == "__main__":
    main()
