"""`python -m study.config.schema`: write config.schema.json, by which editors complete and check a config.

Its descriptions are those of the typed config, so they stand in one place.
"""

import json
from pathlib import Path

from study.config.study import Config
from study.files import write_text

SCHEMA = Path(__file__).parents[3] / "config.schema.json"


def schema_text() -> str:
    """Return the JSON schema of a config. Every key may be missing, because an overlay leaves out what it keeps."""
    schema = Config.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        section.pop("required", None)
    return json.dumps({"title": "config.yaml of the transfer study"} | schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text(SCHEMA, schema_text())
