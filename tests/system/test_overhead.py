"""The workflow itself stays cheap: CPU seconds, which a busy machine hardly changes."""

from overhead import dry_run, stand_in_runs


def test_a_thousand_runs_are_planned_in_seconds(tmp_path):
    cost = dry_run(tmp_path, 1000)
    assert cost.cpu < 10
    assert cost.memory_mb < 1000


def test_a_run_costs_less_than_a_second_beyond_its_training(tmp_path):
    costs = stand_in_runs(tmp_path, 20)
    assert costs["runs"].cpu - costs["again"].cpu < 20 * 1.0
