"""What was run, in sentences: data, grid, device and time."""

from study.data.dataset import TEST, TRAIN, VALIDATION
from study.reporting import text
from study.reporting.costs import is_cpu_time
from study.reporting.provenance import machine
from study.reporting.sources import Sources


def was_run(sources: Sources) -> list[str]:
    """Data, grid, device and time, in sentences."""
    parts = [f"{len(sources.dataset.ids(part)):,}" for part in (TRAIN, VALIDATION, TEST)]
    runs, costs = sources.tables["runs"], sources.tables["costs"]
    seeds = {tuple(sorted(own["seed"])) for _, own in runs.groupby("model")}
    each = f"seeds {text.listed(*seeds)} each" if len(seeds) == 1 else "with different numbers of seeds"
    if len(seeds) == 1 and len(next(iter(seeds))) == 1:
        each = f"seed {next(iter(seeds))[0]}"
    shared = costs["shared_seconds"]
    once = shared.groupby(costs["model"]).max().sum()  # not for each seed
    total = text.duration(costs["run_seconds"].sum() - shared.sum() + once)
    return [
        f"Data: {sources.config['dataset']['title']}, {parts[0]} training, {parts[1]} validation and {parts[2]} test "
        "images of 32 × 32 pixels, resized to each model's input.",
        f"Runs: {text.counted(len(sources.models), 'model')}, {each}: {text.counted(len(runs), 'run')} on "
        f"{machine(sources)}, {total} of {'CPU time' if is_cpu_time(costs) else 'training'} in all.",
    ]
