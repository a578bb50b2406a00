"""What an option of a recipe, or of a run, is made of; standard library only, because training jobs have no pydantic.

The sections that reach a training job are plain dataclasses. The workflow checks them with pydantic, which reads each
field's limits and description from its metadata; the job only reads the values back (see `specs`).
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform


def as_number(value: Any) -> Any:
    """Return `value`, or the number it spells: YAML 1.1 reads 1e-4 (no dot) as text, and `--config` passes text."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


class _OnlyNumbers:
    """Tells pydantic to take a number, or text that spells one, and nothing else: no switch, no rounding."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Mapping[str, Any]:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(as_number, handler(source) | {"strict": True})


Number = Annotated[float, _OnlyNumbers()]
Whole = Annotated[int, _OnlyNumbers()]
Value = TypeVar("Value")
Steps = dict[Whole, Value]  # by images per class: each value counts from its key on


def at_step(steps: Mapping[int, Value], images_per_class: float, where: str) -> Value:
    """Return the value of the largest key that is not above `images_per_class`. Raises ValueError if there is none."""
    below = [key for key in steps if key <= images_per_class]
    if not below:
        begins = f"begins at {min(steps)} images per class" if steps else "has no entries"
        raise ValueError(f"{where} {begins}; add an entry for {images_per_class:g}")
    return steps[max(below)]


def option(default: Any = dataclasses.MISSING, description: str | None = None, **limits: Any) -> Any:
    """Define a field of a checked dataclass; `limits` are pydantic's: gt, ge, lt, le, min_length, max_length.

    A default says that the option is off, and never changes: specs leave it out, so that a new option retrains nothing.
    """
    return dataclasses.field(default=default, metadata={"description": description, **limits})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
def checked(section: type[Value]) -> type[Value]:
    """Make a section of the config a dataclass; pydantic then refuses unknown keys and infinite numbers in it."""
    section.__pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}
    return dataclasses.dataclass(frozen=True, kw_only=True)(section)
