"""A search over settings of one model: every combination is a trial, judged on the validation images only."""

import copy
import itertools
import math
from typing import Annotated, Any

from pydantic import Field, model_validator

from study.config.fields import Strict
from study.config.options import as_number

MAX_TRIALS = 500
Choices = dict[str, Annotated[list[Any], Field(min_length=1)]]


class Search(Strict):
    """Which settings to try; a study with a search trains its trials in place of the grid's models."""

    model: str = Field(description="a model of models:, from which every trial starts")
    arguments: Choices = Field(default_factory=dict, description="values to try, by argument of the architecture")
    recipe: Choices = Field(default_factory=dict, description="values to try, by key of the model's recipe")

    @model_validator(mode="after")
    def _something_varies(self) -> "Search":
        trials = math.prod(len(values) for values in (*self.arguments.values(), *self.recipe.values()))
        if trials < 2:
            raise ValueError("a search needs at least two trials; list several values of an argument or a recipe key")
        if trials > MAX_TRIALS:
            raise ValueError(f"{trials} trials are more than {MAX_TRIALS}; list fewer values")
        return self


def trials(search: Search) -> dict[str, dict[str, Any]]:
    """The settings of each trial, such as {"arguments.dropout": 0.3, "recipe.learning_rate": 0.001}, by its name.

    Every combination of the values is one: t001, t002, ...
    """
    keys = [f"arguments.{key}" for key in search.arguments] + [f"recipe.{key}" for key in search.recipe]
    tried = (map(as_number, values) for values in (*search.arguments.values(), *search.recipe.values()))
    combinations = enumerate(itertools.product(*tried), start=1)
    return {f"t{number:03d}": dict(zip(keys, values, strict=True)) for number, values in combinations}


def with_trials(raw: dict[str, Any], search: Search) -> dict[str, Any]:
    """The raw config with the trials of its search as its models, recipes and grid.

    What only a comparison has (claims, contrasts, headline, ladder, literature, trials) is left out.
    """
    model, models, recipes = raw["models"][search.model], {}, {}
    for name, settings in trials(search).items():
        told = ", ".join(f"{key.partition('.')[2]} {value}" for key, value in settings.items())
        arguments, recipe = copy.deepcopy((model.get("arguments", {}), raw["recipes"][model["recipe"]]))
        for key, value in settings.items():
            section, _, last = key.partition(".")
            (arguments if section == "arguments" else recipe)[last] = value
        models[name] = model | {"recipe": name, "label": told[:80], "arguments": arguments, "seeds": None}
        recipes[name] = recipe
    grid = {"models": [*models], "seeds": raw["grid"]["seeds"]}
    of_comparisons = ("claims", "contrasts", "headline", "ladder", "literature", "trials")
    kept = {key: value for key, value in raw.items() if key not in of_comparisons}
    return kept | {"models": models, "recipes": recipes, "grid": grid, "baseline": next(iter(models))}
