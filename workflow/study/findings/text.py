"""Numbers as a reader sees them: percent, points, minutes; "–" for what was not measured."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

NOTHING = "–"
DONE = ("fine-tuned", "frozen")  # to a model, where its label says it behind a comma
COMMON = re.compile(r"((fast|large|plain|simple|small|strong|tiny) )*(network|cnn)\b", re.IGNORECASE)  # no proper name
OFF = ("none", "no", "0")  # what a recipe's setting says when it is switched off


class Regime(NamedTuple):
    """What is done to a model, in a sentence and in a table; `said_by`: a label with this word says it already."""

    long: str
    short: str
    said_by: str


REGIMES = {
    "scratch": Regime("trained from scratch", "from scratch", "scratch"),
    "finetune": Regime("pretrained and fine-tuned", "fine-tuned", "fine"),
    "frozen": Regime("frozen pretrained backbone with a trained head", "frozen backbone", "frozen"),
}


def number(value: float, digits: int = 2) -> str:
    """A plain number with `digits` decimals, a true minus sign and thousands separated."""
    return NOTHING if value is None or np.isnan(value) else f"{value:,.{digits}f}".replace("-", "−")


def whole(value: float) -> str:
    """A number without decimals."""
    return number(value, 0)


def millions(value: float) -> str:
    """A count in millions."""
    return number(value / 1e6, 1)


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent, without the sign."""
    return number(fraction * 100, digits)


def deviation(sd: float) -> str:
    """A standard deviation in percent, with a second decimal where it would be 0.0."""
    return percent(sd, 2 if sd < 0.0005 else 1)


def mean_and_sd(mean: float, sd: float) -> str:
    """Two fractions in percent, "87.5 ± 0.3"; an SD that is NaN is left out."""
    return percent(mean) + ("" if np.isnan(sd) else f" ± {deviation(sd)}")


def published(fraction: float) -> str:
    """A fraction in percent with as many decimals as it was published with, at most two."""
    return f"{fraction * 100:.4g}".replace("-", "−")


def points(fraction: float, digits: int = 1) -> str:
    """A difference of fractions in percentage points, with its sign."""
    if np.isnan(fraction):
        return NOTHING
    text = number(round(fraction * 100, digits) + 0.0, digits)  # no minus before a zero
    return text if text.startswith("−") else f"+{text}"


def change(ratio: float) -> str:
    """A ratio as a change in percent, "−36 %" for 0.64."""
    return NOTHING if np.isnan(ratio) else f"{points(ratio - 1, 0)} %"


def spread(low: float, high: float, digits: int = 1) -> str:
    """Two fractions as a range in percent."""
    return NOTHING if np.isnan(low) or np.isnan(high) else f"{percent(low, digits)} – {percent(high, digits)}"


def images_said(published: dict[str, Any]) -> str:
    """How many images a published network was trained on."""
    return f"{published['training_images']:,}" if published["training_images"] else "not said"


def p_value(value: float) -> str:
    """A p value with three decimals; below them, no more than that it is."""
    return "< 0.001" if value < 0.001 else number(value, 3)


def minutes(seconds: float) -> str:
    """Seconds in minutes, with decimals only where they say something."""
    return number(seconds / 60, 0 if seconds >= 6000 else 1 if seconds >= 60 else 2)


def duration(seconds: float) -> str:
    """Seconds as "50 seconds", "12 minutes" or "6.5 hours"."""
    if seconds < 90:
        return counted(round(seconds), "second")
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.1f} hours"


def counted(count: int, one: str, many: str | None = None) -> str:
    """ "1 seed", "3 seeds", "10,000 images"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence as "a", "a and b" or "a, b and c"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def numbers(values: Sequence[int]) -> str:
    """Whole numbers as "0", "0 to 4" or "0, 3 and 7"."""
    values = sorted(values)
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return listed([str(value) for value in values])


def between(values: Sequence[int]) -> str:
    """The range of whole numbers, "4 to 1,000"; "10" where all are the same."""
    return " to ".join(f"{value:,}" for value in sorted({min(values), max(values)}))


def seeds(values: Sequence[int]) -> str:
    """ "seed 0", "seeds 0 and 1" or "seeds 0 to 4"."""
    return f"{'seed' if len(values) == 1 else 'seeds'} {numbers(values)}"


def words(name: str) -> str:
    """A class as a reader writes it: "sweet pepper", not "sweet_pepper"."""
    return name.replace("_", " ")


def model_name(label: str, regime: str) -> str:
    """A model's label, with what was done to it in brackets where the label does not say it."""
    return label if REGIMES[regime].said_by in label.lower() else f"{label} ({REGIMES[regime].long})"


def running(label: str) -> str:
    """A model's label as it reads in a sentence: "fine-tuned B0" of "B0, fine-tuned", "the CNN" of "CNN"."""
    if COMMON.match(label):
        first = label.partition(" ")[0]
        label = f"the {first if first.isupper() else first.lower()}{label[len(first) :]}"
    name, _, how = label.rpartition(", ")
    if name and how in DONE:
        return f"{how} {name}"
    if name and how.startswith(DONE):
        return f"{name} {how}"
    if name and how.endswith((" epoch", " epochs")):
        return f"{name} after {how}"
    if name and how.endswith(" recipe"):
        return f"{name} with the {how}"
    lowered = label[:1].lower() + label[1:]
    return lowered if lowered.startswith(DONE) else label


def opening(name: str) -> str:
    """A `running` name at the start of a sentence."""
    return name[0].upper() + name[1:] if name.startswith((*DONE, "the ")) else name


def setting(value: Any) -> str:
    """A value of a recipe or of an architecture's arguments, whatever it is."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(key))} {setting(one)}" for key, one in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(setting, value)) or "none"
    return str(value)


def settings(given: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Names and values of nested settings, whatever their keys, a line each: ("plateau: patience", "3")."""
    lines = []
    for key, value in given.items():
        name = f"{above}{words(str(key))}"
        lines += settings(value, f"{name}: ") if isinstance(value, Mapping) and value else [(name, setting(value))]
    return lines


def settings_that_are_on(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`settings` without what is switched off: none, no and 0."""
    return [(name, said) for name, said in settings(given) if said not in OFF]


def short_hash(digest: str | None) -> str:
    """The first 12 digits of a hash; nothing where there is none."""
    return (digest or "")[:12]
