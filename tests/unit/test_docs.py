"""What the documentation names is there: files, headings, presets, steps of the package and targets of the Makefile."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from configs import raw
from snakemake.utils import update_config

from study.__main__ import main
from study.config.planning import resolved_compute, run_spec
from study.config.study import load_config
from study.models import network as networks

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("reference/**/*.md"), ROOT / "results/README.md"]
)
MAX_WORDS = 900
# its steps name files that the reader creates, and show parts of them
INVENTS_FILES = ROOT / "docs" / "contributing.md"
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
real_examples = pytest.mark.parametrize(
    "page", [page for page in PAGES if page != INVENTS_FILES], ids=lambda page: page.relative_to(ROOT).as_posix()
)


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def code(page: Path) -> list[str]:
    """The blocks of code of a page, and what stands in backticks."""
    return FENCED.findall(page.read_text(encoding="utf-8")) + re.findall(r"`([^`\n]+)`", prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them: lower case, hyphens for blanks, no punctuation."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named(pattern: str, page: Path) -> set[str]:
    """What the group of `pattern` finds in a page's code."""
    return {name for part in code(page) for name in re.findall(pattern, part)}


@every_page
def test_relative_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_page
def test_steps_exist(page, capsys):
    for step in named(r"python -m study ([a-z]+(?:-[a-z]+)*)", page):
        with pytest.raises(SystemExit) as ended:
            main([step, "--help"])
        assert ended.value.code == 0, step
    capsys.readouterr()


@every_page
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named(r"(?:^|\n|&& *)make ([a-z][a-z-]*)", page) <= targets


@real_examples
def test_paths_in_code_exist(page):
    parts = "benchmarks|docs|envs|profiles|report|tests|workflow"
    for path in named(rf"(?<![\w/.])((?:{parts})/[\w./*-]*)", page):
        assert list(ROOT.glob(path.rstrip("/."))), path


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a page in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def listed_pictures(folder: Path) -> Path:
    """A folder whose labels.csv lists pictures of two classes, which nobody reads before they are prepared."""
    folder.mkdir(exist_ok=True)
    rows = [f"{number}.png,{'rose' if number % 2 else 'tulip'}" for number in range(40)]
    (folder / "labels.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    return folder


@real_examples
def test_examples_of_configs_are_valid(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for script in blocks(page, "python"):
        if name := re.match(r"# (\w+\.py)\n", script):
            Path(name[1]).write_text(script, encoding="utf-8")
    for example in blocks(page, "yaml"):
        config = raw()
        if preset := re.match(r"# over (\S+)\n", example):
            update_config(config, yaml.safe_load((ROOT / preset[1]).read_text(encoding="utf-8")))
        update_config(config, yaml.safe_load(example))
        if config["dataset"]["name"] == "folder":
            config["dataset"]["folder"] = str(listed_pictures(tmp_path / "pictures"))
        load_config(config)


def test_the_example_of_an_own_network_can_be_built(tmp_path, monkeypatch):
    page = ROOT / "docs" / "own-network.md"
    monkeypatch.chdir(tmp_path)
    Path("my_network.py").write_text(blocks(page, "python")[0], encoding="utf-8")
    config = raw()
    update_config(config, yaml.safe_load(blocks(page, "yaml")[0]))
    study = load_config(config)
    network = networks.build(run_spec(study, "my_network", 0, resolved_compute(study)).network, study.data.classes)
    assert network(torch.zeros(3, 3, 32, 32)).shape == (3, 100)


def test_every_preset_is_described():
    presets = {path.stem for path in (ROOT / "workflow" / "presets").glob("*.yaml")}
    page = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[(\w+)\]\(\.\./workflow/presets/\1\.yaml\) \|", page, re.MULTILINE)) == presets


def test_readme_is_short():
    assert len(prose(README).split()) <= MAX_WORDS  # with the parts that `describe` writes


def test_every_recipe_is_described():
    recipes = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["recipes"]
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(table) == sorted(recipes)


def test_pre_commit_has_the_versions_of_the_lock_file():
    lock = (ROOT / "envs" / "requirements.lock").read_text(encoding="utf-8")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    for hook in hooks:
        package = hook["repo"].rpartition("/")[2].removesuffix("-pre-commit")
        assert re.search(rf"^{package}==(\S+)", lock, re.MULTILINE)[1] == hook["rev"].removeprefix("v")
