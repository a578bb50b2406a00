"""What is said of a job that ended: how a run did, or why a job failed and where its log is."""

import pytest
from study_factory import make_study

from study.files import write_text
from study.orchestration.announce import describe_failure, describe_run


def test_a_run_is_described_by_its_validation_accuracy_or_by_how_it_diverged(tmp_path):
    runs = make_study(tmp_path / "s", {"cnn": 0.4}, (0, 1), diverged=[("cnn", 1)]) / "runs" / "cnn"
    # in the third of four epochs, which was chosen, 0.4 * 3 / 4; sixty seconds
    assert describe_run(runs / "seed-0") == (
        "cnn/seed-0: 30.0 % of the validation images right (epoch 3 of 4), trained in 1.0 minutes"
    )
    said = "cnn/seed-1 diverged in epoch 2, step 7; the study goes on without it"
    assert describe_run(runs / "seed-1") == said
    (runs / "seed-0" / "run.json").write_text("{")
    assert describe_run(runs / "seed-0").startswith(f"{runs / 'seed-0'} has ended, but cannot be read (")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch 1\nError: an older one\nepoch 2\nError: The disk is full.\n", "The disk is full. (log: {log})"),
        ("epoch 1\nKilled\n", "failed; the last line of its log {log} is: Killed"),
        ("", "was stopped before it said why (log: {log})"),
        (None, "was stopped before it said why (log: {log})"),
    ],
)
def test_a_failure_is_the_last_sentence_of_its_log(tmp_path, text, said):
    log = str(tmp_path / "train.log")
    if text is not None:
        write_text(log, text)
    assert describe_failure([log]) == said.format(log=log)
