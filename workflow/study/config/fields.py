"""What the sections that only the workflow reads are made of, in pydantic; training jobs know `options` alone."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from study.config.options import as_number
from study.data.manifest import MANIFESTS

DataName = Literal[*MANIFESTS, "folder"]
Fraction = Annotated[float, BeforeValidator(as_number), Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=60)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


def _as_switch(value: Any) -> Any:
    """`snakemake --config allow_missing=true` passes text."""
    return value.lower() == "true" if isinstance(value, str) and value.lower() in ("true", "false") else value


Switch = Annotated[bool, BeforeValidator(_as_switch)]


class Strict(BaseModel):
    """A section of the config: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
