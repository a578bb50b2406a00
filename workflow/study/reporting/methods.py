"""The methods of the study that was run, in words: everything the config decides is taken from it."""

from typing import Any

import pandas as pd

from study.data.dataset import TEST, TRAIN, VALIDATION
from study.reporting import text
from study.reporting.hardest import SUBSETS
from study.reporting.ladder import ORDER
from study.reporting.markup import Column, prose, table
from study.reporting.provenance import machine
from study.reporting.sources import Sources

CHOSEN = {
    "val_loss": "with the lowest validation loss",
    "val_accuracy": "with the highest validation accuracy",
}


def methods_page(sources: Sources) -> list[dict[str, Any]]:
    """Data, models, recipes, seeds, statistics and limitations of this study."""
    return [
        prose("Data", data_sentences(sources)),
        _models(sources),
        _recipes(sources),
        prose("Training and choice of the epoch", training_sentences(sources)),
        prose("Statistics", points=statistics_sentences(sources)),
        prose("Limitations", points=limitations(sources)),
    ]


def data_sentences(sources: Sources) -> list[str]:
    """Which images, and how they are split."""
    data, dataset = sources.config["dataset"], sources.dataset
    count = {part: len(dataset.ids(part)) for part in (TRAIN, VALIDATION, TEST)}
    held_out = data["validation"]
    per_class = text.listed(sorted(set(pd.Series(dataset.fine[dataset.ids(TEST)]).value_counts())))
    return [
        f"{data['title']}: {count[TRAIN]:,} training, {count[VALIDATION]:,} validation and {count[TEST]:,} test images "
        f"of {len(dataset.fine_names)} classes in {len(dataset.coarse_names)} superclasses, 32 × 32 pixels; "
        f"{per_class} test images in each class. The validation images are {text.setting(100 * held_out['fraction'])} "
        f"% of the official training images, drawn by class with seed {held_out['seed']}, the same for every run"
        f"{own_splits(sources)}.",
        "Each image is resized to the model's input (bicubic) and normalised as the models' table in Methods says. "
        f"The content of the data, with the split, has the fingerprint {dataset.meta['fingerprint'][:12]}…",
    ]


def own_splits(sources: Sources) -> str:
    """Which recipes hold out other images than the study does."""
    named = [
        f"{name}, which holds out {text.setting(100 * own['fraction'])} %, drawn with seed {own['seed']}"
        for name, recipe in sources.config["recipes"].items()
        if (own := recipe.get("validation"))
    ]
    return f", but for recipe {' and recipe '.join(named)}" if named else ""


def _models(sources: Sources) -> dict[str, Any]:
    rows = []
    for name, model in sources.config["models"].items():
        seeds = [cell["seed"] for cell in sources.config["grid"] if cell["model"] == name]
        rows.append({
            "label": model["label"], "regime": text.REGIMES[model["regime"]], "architecture": model["architecture"],
            "weights": text.weights(model["weights"]), "input": f"{model['input_size']} px",
            "normalisation": text.setting(model.get("normalisation")),
            "arguments": ", ".join(f"{key} {said}" for key, said in text.settings(model.get("arguments") or {})),
            "recipe": model["recipe"], "seeds": f"{'seed' if len(seeds) == 1 else 'seeds'} {text.listed(seeds)}",
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    csv = ("methods_models.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    columns = [
        Column("label", "Model", None, "regime"),
        Column("architecture", "Architecture and its arguments", None, "arguments"),
        Column("weights", "Weights"),
        Column("input", "Input and its normalisation", None, "normalisation"),
        Column("recipe", "Recipe and seeds", None, "seeds"),
    ]
    return table("Models", frame, columns, csv)


def _recipes(sources: Sources) -> dict[str, Any]:
    """Every setting of every recipe, whatever its keys: settings as rows, recipes as columns."""
    recipes = {name: dict(text.settings(recipe)) for name, recipe in sources.config["recipes"].items()}
    frame = pd.DataFrame(recipes, dtype=str)
    names = list(dict.fromkeys(name for recipe in recipes.values() for name in recipe))
    frame = frame.reindex(sorted(names)).rename_axis("setting").reset_index()
    used = {
        name: ", ".join(model["label"] for model in sources.config["models"].values() if model["recipe"] == name)
        for name in recipes
    }
    csv = ("methods_recipes.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    columns = [Column("setting", "Setting"), *[Column(name, name) for name in recipes]]
    note = "Every setting that the config gives. " + " ".join(f"{name}: {models}." for name, models in used.items())
    return table("Recipes", frame, columns, csv, note)


def training_sentences(sources: Sources) -> list[str]:
    """What is the same for all recipes, and by what the epoch is chosen."""
    rules = {recipe.get("best_epoch", "not named") for recipe in sources.config["recipes"].values()}
    rule = " or ".join(sorted(CHOSEN.get(one, f"that best_epoch says ({one})") for one in rules))
    return [
        f"Every run trains from a specification of its own, on {machine(sources)}. The weights kept are those "
        f"of the epoch {rule}; the test images are read once, after that, and decide nothing. All random "
        "streams (weights, order, augmentation, mixing, dropout) follow from the seed, the epoch and their purpose.",
        "Each model is trained with the one recipe named above. How long its settings were searched for is not part of "
        "the comparison: a model whose recipe had more attention has an advantage.",
    ]


def statistics_sentences(sources: Sources) -> list[str]:
    """How every kind of interval, p and verdict of this study comes about."""
    config, calibration = sources.config, sources.tables["calibration"]
    tested = int(sources.tables["contrasts"]["p_holm"].notna().sum())
    said = [
        "A model's accuracy is the mean over its finished seeds; its 95 % interval is a t interval over seeds, from 3 "
        "seeds on. Apart from it stands Wilson's interval at the mean for the number of test images.",
        "A difference is paired by image; seeds of different models are not pairs. Its variance is the sum of that "
        "over seeds and that over images, its 95 % interval a t interval with Satterthwaite's degrees of freedom. p is "
        "two-sided, adjusted by Holm's method over the contrasts of test accuracy that have one "
        f"(here {tested or 'none'}). With fewer than 3 seeds of either model there is no p, and the interval covers "
        "images only. In simulated studies with 3 or 5 seeds the interval covers the truth in 95 to 99 % of them, "
        "whichever variance dominates (docs/coverage.md).",
        "Classes and superclasses: Wilson's intervals for the class's test images, however many seeds there are. "
        "Differences by class have one interval each; the verdicts better and worse take p adjusted by Holm's method "
        "over all classes of a contrast, and equivalent takes two one-sided tests, each at 5 % over the number of "
        f"classes, that put the difference within ±{text.published(config['equivalence_margin'])} points.",
        "McNemar's test and the share of pairs of seeds in which a model is ahead describe the networks that were "
        "trained; they are no test of the methods.",
    ]
    if len(calibration):
        said.append(
            f"Expected calibration error: {int(calibration['bin'].max())} bins of equal width of the top class's "
            "probability. The temperature is fitted on each run's validation images."
        )
    subsets = [SUBSETS.get(one, one) for one in dict.fromkeys(sources.tables["sensitivity"]["subset"]) if one != "all"]
    if subsets:
        said.append(
            f"Sensitivity: test accuracy is also computed on the test images {' and '.join(subsets)}. A near-duplicate "
            f"is a test image whose distance to the nearest training or validation image is below {sources.near:g}: "
            "that of their cosine transforms without the lowest frequencies, scaled to length 1, either way round; 0 "
            "for the same picture, about 1.4 for unrelated ones."
        )
    if config["suspect_labels"]:
        listed = config["suspect_labels"]
        said.append(
            f"Suspect labels: {text.counted(len(listed['images']), 'test image')} that the file {listed['file']} lists "
            f"(SHA-256 {text.short_hash(listed['sha256'])}…)."
        )
    if config["ladder"]:
        said.append(ORDER)
    return said


def limitations(sources: Sources) -> list[str]:
    """What the numbers of this study cannot say."""
    models = sources.config["models"].values()
    larger = sorted({model["input_size"] for model in models if model["input_size"] > 32})
    pretrained = any(model["weights"] for model in models)
    said = [
        "The split into training and validation images is one fixed draw: what another one would change is in no "
        "interval.",
        "The test images come from the same collection as the training images; other pictures of the same things may "
        "be harder for every model.",
    ]
    if sources.synthetic:
        return [*said, "The images are rendered shapes: the numbers say that the workflow works, and nothing else."]
    if larger:
        said.append(
            f"Images of 32 pixels are enlarged to {' and '.join(map(str, larger))} pixels for some models: these see "
            "no more detail, but work at the scale that their architecture was made for, and cost accordingly."
        )
    if pretrained:
        said.append(
            "ImageNet's classes overlap with those of CIFAR-100 in meaning (animals, vehicles, household things), so "
            "what pretrained weights buy here is more than they would buy for images unlike ImageNet's."
        )
    said.append(
        "Some test images nearly repeat training images, and some labels are wrong; the page Sensitivity says what "
        "leaving such images out changes, as far as they are known."
    )
    return said
