"""The same test images through every model, chosen by a rule that knows no result."""

from functools import partial
from typing import Any

import numpy as np
from markupsafe import Markup

from study.analysis.answers import TOP
from study.analysis.duplicates import SURE
from study.data.dataset import TEST, Dataset
from study.findings import text
from study.findings.doubts import near_duplicate
from study.findings.results import Results
from study.reporting.markup import Column, fragment, prose, table
from study.reporting.pictures import alone, enlarged, files, picture
from study.reporting.style import hue_name

PAIRS = 12  # nearly the same photograph, with two labels
ONE_PICTURE = 0.95  # a chance from which on nearly all near-duplicates are one (docs/duplicates.md)
NEAREST = 60  # because pictures take room; the file has all

HARDEST = 100  # because pictures take room; the file has more

IMAGES = 12

Named = list[tuple[int, float]]  # the most probable classes and their probabilities


def sample_ids(dataset: Dataset) -> np.ndarray:
    """Row numbers int [<= 12] of the sample images: the first test images of every n-th class, n = `step(dataset)`."""
    test, labels = dataset.ids(TEST), range(0, len(dataset.fine_names), step(dataset))
    first = [test[dataset.fine[test] == label][: _each(dataset)] for label in labels]
    return np.concatenate(first)[:IMAGES]


def _each(dataset: Dataset) -> int:
    """How many sample images of a class there are, so that twelve are shown of few classes too."""
    return max(1, IMAGES // len(dataset.fine_names))


def step(dataset: Dataset) -> int:
    """How many classes on from one sample image to the next, so that twelve spread over all classes."""
    return max(1, len(dataset.fine_names) // IMAGES)


def sampling_rule(dataset: Dataset) -> str:
    """By what rule the images are chosen."""
    first = "first test image" if _each(dataset) == 1 else f"first {_each(dataset)} test images"
    return f"The {first} of " + ("every class" if step(dataset) == 1 else f"one class in {step(dataset)}")


def _answers(results: Results, model: str, ids: np.ndarray) -> tuple[int | None, dict[int, Named]]:
    """The first finished seed of a model, and what it named for each image; (None, {}) where no run finished."""
    seeds = results.rows("runs", model=model, outcome="finished")["seed"]
    if seeds.empty:
        return None, {}
    seed = int(seeds.min())
    answers = results.answers(model, seed)
    classes, shares = answers.classes, answers.probabilities
    places = np.searchsorted(results.dataset.ids(TEST), ids)
    return seed, {
        int(image): list(dict(zip(classes[place].tolist(), shares[place].tolist(), strict=True)).items())
        for image, place in zip(ids, places, strict=True)
    }


def samples_page(results: Results) -> list[dict[str, Any]]:
    """The images of `draw_samples` as cards, each with every model's three most probable classes."""
    ids = sample_ids(results.dataset)
    answers = {model: _answers(results, model, ids) for model in results.models}
    samples = []
    for image in ids:
        models = []
        for model, (seed, named) in answers.items():
            label = results.labels[model] + ("" if seed is None else f", seed {seed}")
            said = [] if seed is None else _answers_shown(results, int(image), named[int(image)])
            models.append({"label": label, "hue": hue_name(results, model), "answers": said})
        name = text.words(results.dataset.fine_names[results.dataset.fine[image]])
        address = alone(results, image)
        samples.append({"image": int(image), "name": name, "address": address, "models": models})
    note = (
        f"{sampling_rule(results.dataset)}, a choice that depends on no result{enlarged(results)}. "
        "Above each picture stands its label; ✓ and the darker bar mark it among the answers. Probabilities "
        "in percent, of each model's first finished seed."
    )
    usual = min(TOP, len(results.dataset.fine_names))
    if any(len(image) < usual for _, named in answers.values() for image in named.values()):
        note += " Of a published run, only the first answer and the true class are known."
    return [{"kind": "samples", "title": "The same images through every model", "note": note, "samples": samples}]


def _answers_shown(results: Results, image: int, named: Named) -> list[dict[str, Any]]:
    return [
        {
            "name": text.words(results.dataset.fine_names[label]),
            "share": np.nan_to_num(probability),
            "percent": text.percent(probability, 0),
            "true": bool(label == results.dataset.fine[image]),
        }
        for label, probability in named
    ]


def hardest_page(results: Results) -> list[dict[str, Any]]:
    """The test images that the fewest runs get right."""
    frame = results.tables["hardest"].query("correct_share < 1").head(HARDEST).copy()
    frame["pictures"] = [[picture(results, image)] for image in frame["image_id"]]
    frame[["class", "most_named"]] = frame[["class", "most_named"]].map(lambda name: text.words(str(name)))
    models = results.tables["runs"].query("outcome == 'finished'")["model"].nunique()
    columns = [
        Column("pictures", "Image", pictures=True),
        Column("class", "Labelled"),
        Column("most_named", "Most often named"),
        Column("most_named_share", "by (%, mean over models)", partial(text.percent, digits=0)),
        Column("correct_share", "Right (%, mean over models)", text.percent),
        Column("models_all_wrong", f"Models always wrong (of {models})", text.whole),
        Column("test_position", "Place among the test images", text.whole, "file"),
    ]
    frame["file"] = files(results, frame["image_id"])
    note = (
        f"The {text.counted(len(frame), 'test image')} that the models get right least often; right is the mean over "
        "models of the share of a model's seeds. If every run names the same other class, the label may be wrong: "
        "look at the image. Places among the test images count from 0, in the order of the data."
    )
    return [table("Hardest images", frame, columns, results.csv("hardest"), note)]


def two_labels_page(results: Results) -> list[dict[str, Any]]:
    """Pairs that are surely one photograph, with two classes, the most alike first; nothing where there is none."""
    rows = results.tables["near_duplicates"]
    is_one = (rows["likeness"] >= ONE_PICTURE).where(rows["likeness"].notna(), rows["distance"] < SURE)
    others = rows[is_one & (rows["same_class"] == 0)].sort_values(["distance", "image_id"])
    if others.empty:
        return []
    names, fine = results.dataset.fine_names, results.dataset.fine
    shown, html, images = others.head(PAIRS), Markup(), []
    for row in shown.itertuples():
        pair = [picture(results, image) for image in (row.image_id, row.train_image_id)]
        images += pair
        classes = [text.words(names[fine[one.image]]) for one in pair]
        drawn = Markup().join(Markup('<img data-image="{}" alt="{}" width="32" height="32">').format(one.image, one.alt)
                              for one in pair)  # fmt: skip
        said = Markup("{} <small>in test,</small> {} <small>in training</small>").format(*classes)
        html += Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(drawn, said)
    count = text.counted(len(others), "test image nearly repeats a", "test images nearly repeat a")
    note = f"{count} training or validation image of another class: whoever goes by the picture gets one wrong. " + (
        f"The {len(shown)} most alike are shown." if len(shown) < len(others) else ""
    )
    div = Markup('<div class="pairs">{}</div>').format(html)
    return [fragment("The same photograph, two labels", div, note, groups=[{"pictures": images}])]


def duplicates_page(results: Results) -> list[dict[str, Any]]:
    """Test images beside the training or validation image that they nearly repeat."""
    every = results.tables["near_duplicates"].sort_values("distance", kind="stable")
    if every.empty:
        none = f"The search finds none of the {results.n_test:,} test images among the training and validation images."
        return [prose("Near-duplicates", [none, near_duplicate(results)])]
    frame = every.head(NEAREST).copy()
    for key, title in (("image_id", "test"), ("train_image_id", "train")):
        frame[f"{title} file"] = files(results, frame[key])
        frame[title] = [[picture(results, image)] for image in frame[key]]
        frame[f"{title} class"] = [
            text.words(results.dataset.fine_names[results.dataset.fine[image]]) for image in frame[key]
        ]
    frame["same"] = frame["same_class"].map({1: "yes", 0: "no"})
    columns = [
        Column("test", "Test image", pictures=True),
        Column("test class", "Class", None, "test file"),
        Column("train", "Nearest in train or validation", pictures=True),
        Column("train class", "its class", None, "train file"),
        Column("same", "Same class"),
        Column("distance", "Distance", partial(text.number, digits=3)),
        Column("likeness", "Chance (%)", partial(text.percent, digits=0)),
    ]
    other = int((every["same_class"] == 0).sum())
    found = (
        f"For {text.counted(len(every), 'test image')} of {results.n_test:,} "
        f"({text.percent(len(every) / max(results.n_test, 1))} %) the search finds a near-duplicate among the training "
        f"and validation images; {other:,} of the pairs {'is' if other == 1 else 'are'} of different classes."
    )
    shown = f" The {len(frame)} nearest pairs are shown, the file has all." if len(every) > len(frame) else ""
    note = (
        f"{near_duplicate(results)} Distance is that of the pixels as they lie, chance that of the network's search."
        f"{shown}"
    )
    return [
        prose("In short", [found, "The page “Which model is better” shows what leaving them out changes."]),
        table("Near-duplicates", frame, columns, results.csv("near_duplicates"), note),
    ]
