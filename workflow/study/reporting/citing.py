"""How to repeat a study and how to cite it: the command, the commit and the hashes, and a BibTeX entry."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from study.reporting.sources import Sources

PROJECT = Path(__file__).parents[3]


def commit(folder: Path = PROJECT) -> str:
    """The Git commit that `folder` is a checkout of; nothing where there is none, or no Git."""
    if not (folder / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def bibtex(record: dict[str, Any], study: str, year: str) -> str:
    """A BibTeX entry from CITATION.cff's `record`, for one study of the project."""
    names = " and ".join(
        f"{{{author['name']}}}" if "name" in author else f"{author['family-names']}, {author['given-names']}"
        for author in record["authors"]
    )
    fields = {"title": f"{{{record['title']}}}", "author": names, "version": record["version"], "year": year,
              "note": f"Study {study}"}  # fmt: skip
    lines = [f"  {key} = {{{value}}}," for key, value in fields.items() if value]
    return "\n".join([f"@software{{{study}_study,", *lines, "}"])


def repeat(sources: Sources) -> dict[str, Any]:
    """The section of hashes, with what a reader needs to get the same bytes."""
    provenance = sources.tables["provenance"]
    data = provenance["data_fingerprint"].dropna().unique()
    code = provenance["code_sha256"].dropna().unique()
    pairs = [
        ("commit of the project when this page was written", commit() or "not in a Git checkout"),
        ("training code", ", ".join(code) or "no run"),
        ("data and split", ", ".join(data) or "no run"),
        *[(f"weights, {name}", digest) for name, digest in _weights(sources)],
    ]
    return {"kind": "facts", "title": "Hashes of what was run (SHA-256; the commit: SHA-1)", "pairs": pairs, "note": ""}


def _weights(sources: Sources) -> list[tuple[str, str]]:
    known = sources.tables["provenance"].dropna(subset=["weights_sha256"])
    return list(known[["weights", "weights_sha256"]].drop_duplicates().itertuples(index=False, name=None))


def citation(sources: Sources, file: Path = PROJECT / "CITATION.cff") -> str:
    """The study's BibTeX entry, of the year in which its last run ended; nothing in a copy without CITATION.cff."""
    if not file.is_file():
        return ""
    finished = sources.tables["provenance"]["finished"].dropna()
    record = yaml.safe_load(file.read_text(encoding="utf-8"))
    return bibtex(record, sources.config["study"], finished.max()[:4] if len(finished) else "")


def command(study: str, project: Path = PROJECT) -> str:
    """What repeats the study from the project's folder: with the preset of its name, if there is one."""
    named = {}
    for path in (*sorted((project / "workflow" / "presets").glob("*.yaml")), project / "config.yaml"):
        if path.is_file():
            named[yaml.safe_load(path.read_text(encoding="utf-8")).get("study")] = path.relative_to(project).as_posix()
    file = named.get(study, "YOUR_CONFIG.yaml")
    overlay = "" if file == "config.yaml" else f" --configfile {file}"
    return f"snakemake{overlay} --cores all\nsnakemake{overlay} --report report.html"
