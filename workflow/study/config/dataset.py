"""The images of a study: official files, rendered ones, or a folder of the user's own pictures."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.config.fields import Strict, Text
from study.config.messages import check_known
from study.config.options import Number, Whole
from study.config.recipes import Validation
from study.data.folder import NAME, Folder, FolderSettings, list_folder
from study.data.manifest import MANIFESTS, Manifest, load_manifest
from study.files import canonical_json

OF_FOLDERS = ("labels", "image_size", "fit", "unreadable", "test_fraction")


class Dataset(Strict):
    """The images, and how the validation images are split off."""

    name: str = Field(description="a manifest in workflow/study/data/manifests, or folder for pictures of your own")
    folder: str | None = Field(
        description="folder with the official files, or null to download them; with name: folder, that of the pictures"
    )
    mirrors: list[str] | None = Field(
        default=None, description="addresses of the archive, tried in order; null: those of the manifest"
    )
    validation: Validation
    labels: str | None = Field(
        default=None,
        description="of a folder, a CSV file with the columns path and label, and optionally split, group and "
        "superclass; null: labels.csv in the folder, else a folder per class",
    )
    title: Text | None = Field(default=None, description="of a folder, what the report calls it; null: its name")
    image_size: Annotated[Whole, Field(ge=16, le=1024)] = Field(
        default=160, description="of a folder, the side of the stored squares in pixels"
    )
    fit: Literal["crop", "pad"] = Field(
        default="crop", description="of a folder: crop to the central square, or pad with grey margins"
    )
    unreadable: Literal["refuse", "skip"] = Field(
        default="refuse", description="of a folder, what to do with pictures that cannot be read"
    )
    test_fraction: Annotated[Number, Field(gt=0, lt=0.9)] = Field(
        default=0.2, description="of a folder without a test part, the share of each class that is held out for it"
    )

    @model_validator(mode="after")
    def _check(self) -> "Dataset":
        check_known(self.name, [*MANIFESTS, NAME], "name", "dataset")
        foreign = [key for key in ("title", *OF_FOLDERS) if key in self.model_fields_set]
        if self.name != NAME and foreign:
            raise ValueError(f"{foreign[0]} is for pictures of your own (name: folder); remove it")
        if self.name == NAME and not (self.folder or "").strip():
            raise ValueError("folder: name the folder of your pictures")
        return self

    def settings(self) -> FolderSettings | None:
        """Return what the data package must know of a folder of pictures; None of other data."""
        if self.name != NAME:
            return None
        given = {key: getattr(self, key) for key in OF_FOLDERS}
        return FolderSettings(folder=Path(self.folder).expanduser(), validation=asdict(self.validation), **given)

    def read(self, prepared: Path) -> Manifest | Folder:
        """Return what must be known of the images before they are prepared.

        Where a folder of pictures has gone, dataset.npz at `prepared` says it. Raises StudyError for a folder that is
        no data set.
        """
        settings = self.settings()
        return load_manifest(self.name) if settings is None else list_folder(settings, prepared)

    def arguments(self) -> list[str]:
        """Return what says the same of a folder to `python -m study prepare`."""
        given = {key: getattr(self, key) for key in OF_FOLDERS}
        return ["--pictures", canonical_json(given)] if self.name == NAME else []
