"""A study that is killed again and again ends as one that was not. CHAOS_KILLS says how often (make chaos: 100)."""

import os

import chaos


def test_a_study_killed_at_random_moments_ends_with_the_same_bytes(fresh, capsys):
    kills, seed = int(os.environ.get("CHAOS_KILLS", "10")), int(os.environ.get("CHAOS_SEED", "0"))
    assert chaos.start(fresh, fresh.folder / "chaos.log").wait() == 0

    def say(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    say(f"\n{kills} kills over {chaos.torture(fresh, kills, seed, say)} studies")


def test_an_epoch_that_was_saved_and_trained_again_is_seen():
    line = "scratch_cnn seed 0: epoch {}/9  lr 1.0e-03"
    assert chaos.repeated("\n".join(map(line.format, [1, 2, 3, 3, 4]))) == []  # told, then killed before it was saved
    assert chaos.repeated("\n".join(map(line.format, [1, 2, 3, 2, 3]))) == [2]
