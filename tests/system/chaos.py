"""Kill a study's processes at random moments until enough have died, and let it go on each time with one command.

`check` raises AssertionError where the end differs from that of an undisturbed study, or an epoch was trained again
though its checkpoint was there.
"""

import random
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
from grids import lasting_results, quick
from project import SNAKEMAKE, Project

LEFTOVER = (".lock", ".pt", ".finished")
TARGETS = ("training", "snakemake", "both")


def command(project: Project) -> list[str]:
    """The one command of every start: the first, and all that follow a kill."""
    return [*SNAKEMAKE, "--configfile", *quick(project)]


def start(project: Project, log: Path) -> subprocess.Popen:
    """A start of the study, in a process group of its own; what it says is added to `log`."""
    with log.open("a") as handle:
        return subprocess.Popen(command(project), cwd=project.folder, stdout=handle, stderr=subprocess.STDOUT)


def steps(project: Project, names: tuple[str, ...] = ()) -> list[psutil.Process]:
    """The processes of this study's steps (of these names, else of all), orphans included."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if (
                line[1:3] == ["-m", "study"]
                and (not names or line[3] in names)
                and process.cwd() == str(project.folder)
            ):
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def kill(project: Project, snakemake: subprocess.Popen, chance: random.Random) -> str:
    """Kill something that is there; says what and how, or "" if there was nothing."""
    target, blow = chance.choice(TARGETS), chance.choice((signal.SIGTERM, signal.SIGKILL))
    doomed = steps(project, ("train", "features")) if target != "snakemake" else []
    doomed = [chance.choice(doomed)] if doomed else []
    if target != "training":
        doomed.append(snakemake)
    for process in doomed:
        try:
            process.send_signal(blow)
        except psutil.Error:
            doomed.remove(process)
    if doomed and target != "training":
        snakemake.wait(timeout=300)  # a TERM lets it finish the jobs it has
    return f"{target} {blow.name}" if doomed else ""


def torture(project: Project, kills: int, seed: int, say=print) -> int:
    """Kill and go on until `kills` have died and the study is finished; the number of studies that took."""
    chance, log = random.Random(seed), project.folder / "chaos.log"
    dead, rounds, failures = 0, 0, 0
    undisturbed = lasting_results(project.results)
    while dead < kills:
        rounds += 1
        for folder in ("runs", "features", "tables"):
            shutil.rmtree(project.results / folder)
        for path in project.results.glob("logs/train/*"):
            path.unlink()
        snakemake = start(project, log)
        while (code := snakemake.poll()) != 0:
            if code is not None:  # killed, or a job of it was
                failures += 1
                assert failures <= 2 * kills + 5, log.read_text()[-3000:]
                snakemake = start(project, log)
            try:
                snakemake.wait(timeout=chance.uniform(1, 25))
            except subprocess.TimeoutExpired:
                if dead < kills and (done := kill(project, snakemake, chance)):
                    dead += 1
                    say(f"kill {dead}: {done}")
        check(project, undisturbed)
    return rounds


def check(project: Project, undisturbed: dict[str, bytes]) -> None:
    """Is the end that of an undisturbed study, with nothing left behind, and was nothing trained that was saved?"""
    assert steps(project) == []
    now = lasting_results(project.results)
    assert now.keys() == undisturbed.keys()
    assert [name for name in now if now[name] != undisturbed[name]] == []
    left = [path for path in project.results.rglob("*") if path.name[0] == "." or path.suffix in LEFTOVER]
    assert left == [], left
    assert [*(project.folder / ".snakemake" / "locks").iterdir()] == []
    for path in project.results.glob("logs/train/*.log"):
        assert repeated(path.read_text()) == [], path.read_text()


def repeated(told: str) -> list[int]:
    """Epochs in a run's log that were trained again after the next one had begun: their checkpoint was there then."""
    again, last = [], 0
    for epoch in map(int, re.findall(r": epoch (\d+)/", told)):
        again += [epoch] if epoch < last else []
        last = epoch
    return again
