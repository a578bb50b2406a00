"""What two models' recipes do differently, and what a network sees of an image."""

from typing import Any

from study.findings import text
from study.findings.augmentation import changes, said
from study.findings.results import Results
from study.reporting.images import sample_ids
from study.reporting.markup import chart
from study.reporting.panels import shared
from study.reporting.pictures import alone


def settings_of(results: Results, model: str) -> dict[str, str]:
    """Names and values of what a model's runs were trained with, the augmentation in words."""
    entry, recipe = results.config.models[model], results.config.recipe_of(model)
    plain = {name: value for name, value in recipe.items() if name != "augmentation"}
    return {
        "architecture": entry.architecture,
        "starts from": "pretrained weights" if entry.weights else "random weights",
        "image size of the network": f"{entry.input_size} px",
        **dict(text.settings(plain)),
        "a training image is": said(recipe.get("augmentation"), results.image_size),
    }


def recipes_page(results: Results) -> list[dict[str, Any]]:
    """The panel of the two chosen models."""
    side, images = results.image_size, sample_ids(results.dataset)[:2]
    models = [
        {
            "settings": settings_of(results, model),
            "size": entry.input_size,
            "changes": changes(results.config.recipe_of(model).get("augmentation"), side),
        }
        for model, entry in results.config.models.items()
    ]
    data = {"models": models, "images": [alone(results, image) for image in images], "side": side}
    note = (
        "Above, one test image as the data have it, as the networks get it, and as an epoch of training may show it, "
        "each change at its strongest and by itself. Below, the settings in which the two recipes differ."
    )
    return [chart("recipes", "What the two networks see, and how their recipes differ", data, note, shared(results))]
