"""What the numbers of a study do not cover, with what can be computed of it, and how to read them."""

from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.compare import are_two_networks, headline
from study.findings.doubts import contamination, leaks, overlap, seen_before, without_duplicates
from study.findings.results import Results
from study.findings.runs import counts_images, lost_runs, machines, sharing

SPLIT = "No interval covers another split of the images, or pictures that are harder for every model."


def in_short(results: Results) -> list[str]:
    """The limits that a reader of the answer alone has to know, a line each where they can be."""
    limits = [*leaks(results), *_networks(results), *_budget(results), *_pretraining(results)[:1]]
    return [*limits, *seen_before(results), SPLIT]


def limits(results: Results) -> list[str]:
    """Every limit in a sentence or two, those of single models and of unfinished studies first."""
    data = results.config.dataset.title
    sentences = [*_of_models(results), *lost_runs(results), *_older_code(results), *_budget(results)]
    sentences += [
        _effort(results),
        *_pretraining(results),
        SPLIT,
    ]
    if results.synthetic:
        return ["The images are synthetic: the numbers show only that the workflow works.", *sentences]
    models = results.config.models.values()
    sentences += _sizes(results)
    if any(model.weights for model in models):
        sentences += overlap(results) or [
            f"Classes that ImageNet has too may gain more from its weights than others; of {data} there is no list of "
            "them here."
        ]
    about_images = [*seen_before(results), *contamination(results), *without_duplicates(results)]
    return [*sentences, *about_images, _where_timed(results)]


def _sizes(results: Results) -> list[str]:
    """What it means that the images are stored smaller or larger than models take them."""
    stored, sizes = results.image_size, sorted({model.input_size for model in results.config.models.values()})
    said = []
    if larger := text.listed([str(size) for size in sizes if size > stored] or [""]):
        said.append(
            f"Images of {stored} pixels are enlarged to {larger} pixels for some models. They gain no detail, but the "
            "network works nearer the scale that its architecture was designed for, and costs accordingly."
        )
    if smaller := text.listed([str(size) for size in sizes if size < stored] or [""]):
        said.append(
            f"Images of {stored} pixels are reduced to {smaller} pixels for some models, which see less detail than "
            "models at larger sizes: that may be a part of any difference between them."
        )
    return said


def _of_models(results: Results) -> list[str]:
    """The notes of the config on its models, each once, and the models with too few seeds for an interval."""
    labels_of: dict[str, list[str]] = {}
    for model in results.config.models.values():
        if model.note:
            labels_of.setdefault(model.note, []).append(model.label)
    notes = [f"{'; '.join(labels)}: {note}" for note, labels in labels_of.items()]
    accuracy = results.rows("models", metric="test_accuracy")
    few = [results.labels[row.model] for row in accuracy.itertuples() if 0 < row.n_seeds < MIN_SEEDS]
    if few:
        notes.insert(0, f"Fewer than {MIN_SEEDS} seeds so far, and so no interval: {'; '.join(few)}.")
    return notes


def _older_code(results: Results) -> list[str]:
    """What it means that runs are of older code, whose models a reader may look for in the present config."""
    if not results.is_older.any():
        return []
    which = "The runs" if results.is_older.all() else "Some runs"
    return [f"{which} are of older code than the present one: its models and recipes of these names may be others."]


def _networks(results: Results) -> list[str]:
    """That the headline's two models differ in more than their weights, where these differ."""
    two, models = headline(results), results.config.models
    if two is None or not are_two_networks(results, two) or models[two.model].weights == models[two.other].weights:
        return []
    return ["The two differ in network and recipe too: not all of the difference need be due to the weights."]


def _budget(results: Results) -> list[str]:
    """For how long the runs trained, but for heads that are fitted at once, and what more would change."""
    runs = results.rows("runs", outcome="finished")
    is_trained = [not results.config.recipe_of(name).get("regression") for name in runs["model"]]
    epochs = runs.loc[is_trained, "epochs"].astype(int)
    if epochs.empty:
        return []
    span = text.counted(epochs.max(), "epoch")
    span = f"for {span}" if epochs.min() == epochs.max() else f"for {epochs.min()} to {span}"
    if counts_images(results):  # whose epochs are no passes
        span = "on fixed budgets of images"
    said = f"The runs trained {span}; with more, most accuracies would probably be higher."
    if len({bool(model.weights) for model in results.config.models.values()}) > 1:
        said = f"The runs trained {span}; more would probably shrink the gains."
    return [said]


def _where_timed(results: Results) -> str:
    kinds, at_once = len(machines(results)), sharing(results)
    if kinds > 1:
        return f"Times are from {kinds} kinds of machine, with whatever else ran on them, so compare them only roughly."
    if at_once > 1:
        return f"Up to {at_once} runs shared a GPU; a run on its own takes less time."
    return "Times are from one kind of machine, with whatever else ran on it."


def how_to_read(results: Results) -> list[str]:
    """What the intervals cover and what they do not."""
    seeds = results.rows("models", metric="test_accuracy")["n_seeds"]
    sentences = [
        "The 95 % interval of a mean is a t interval over seeds: it covers the mean of all possible seeds on these "
        "test images. The interval of a difference covers both seeds and test images; images are paired.",
        _chosen_on(results),
    ]
    if ((seeds > 0) & (seeds < MIN_SEEDS)).any():
        sentences.insert(
            1,
            f"With fewer than {MIN_SEEDS} seeds there is no confidence interval: read the range between single runs "
            "instead.",
        )
    return sentences


def keeps_last(results: Results) -> bool:
    """Does every run keep its last epoch, so that validation chooses nothing?"""
    return all(recipe.get("best_epoch") == "last" for recipe in results.config.recipes.values())


def _chosen_on(results: Results) -> str:
    if keeps_last(results):
        best = " The answer compares the models that are best on validation images." * (not results.config.headline)
        return f"Every run keeps its last epoch: none was chosen on validation or test images.{best}"
    fitted = any(recipe.get("regression") for recipe in results.config.recipes.values())
    apart = ", but a regression's penalty by cross-validation on training images" * fitted
    return f"Every choice, such as the epoch, was made on the validation images{apart}."


def _effort(results: Results) -> str:
    """How the recipes' settings were found, as far as the config records it."""
    used, trials = {model.recipe for model in results.config.models.values()}, results.config.trials
    found = [
        f"{name} ({text.counted(one['count'], 'trial') + ', ' if one['count'] else ''}{one['note']})"
        for name, one in trials.items()
        if name in used
    ]
    recorded = f", as far as it is recorded: {text.listed(found)}" if found else ""
    return f"Each model has one recipe, and more effort went into some recipes than into others{recorded}."


def _pretraining(results: Results) -> list[str]:
    """What no interval covers where networks start from weights."""
    models = results.config.models.values()
    if not any(model.weights for model in models):
        return []
    frozen = [name for name in results.models if results.config.models[name].regime == "frozen"]
    few = " and, in runs on few images, which images it learns from" if results.config.labels else ""
    said = ["Each pretrained network is one checkpoint; no interval covers another run of its pretraining."]
    said += [f"The seeds of a frozen network vary only its head{few}."] * bool(frozen)
    for name in frozen:
        likelihoods = results.rows("runs", model=name, outcome="finished")["test_nll"]
        if len(likelihoods) > 1 and likelihoods.nunique() == 1:
            every = "With all images, every" if results.config.labels else "Every"
            said.append(f"{every} seed of {results.names[name]} gave the same network: its SD is 0.")
    return said
