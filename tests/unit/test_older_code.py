"""A run is of older code if a group of modules that it executes has changed, and no entry says it does the same."""

import dataclasses

import pytest
from runs import fast_spec, scratch_spec

from study.analysis.older_code import changed_groups, describe, is_of_older_code, is_older, read_ledger
from study.files import write_json
from study.fingerprints import group_hashes, training_code_sha256

EMPTY = {"versions": {}, "same": []}
CPU = scratch_spec()
GPU = dataclasses.replace(CPU, compute=dataclasses.replace(CPU.compute, device="cuda"))


def record_with(**groups):
    """The record of a run whose code had these groups' hashes, and else the present ones."""
    return {"code_sha256": "1" * 64, "code_groups": group_hashes() | groups}


def entry(code, to, **where):
    return {"group": "device", "from": code, "to": to, "where": where, "why": "It is so."}


def test_a_run_is_older_if_a_group_that_it_executes_has_changed_and_no_other():
    assert changed_groups(record_with(), CPU, EMPTY) == {}
    assert changed_groups(record_with(core="old"), CPU, EMPTY) == {"core": ("old", group_hashes()["core"])}
    assert changed_groups(record_with(fast="old"), CPU, EMPTY) == {}
    assert changed_groups(record_with(fast="old"), fast_spec(), EMPTY) == {"fast": ("old", group_hashes()["fast"])}
    assert changed_groups(record_with(fast="old"), None, EMPTY).keys() == {"fast"}  # what it executed is not known


def test_a_run_of_the_present_code_is_not_older_whatever_else_it_recorded():
    assert not is_older({"code_sha256": training_code_sha256()}, None)


def test_a_run_that_recorded_one_hash_of_all_code_is_judged_by_the_groups_of_that_version():
    record, present = {"code_sha256": "1" * 64}, group_hashes()
    known = {"versions": {"1" * 64: present | {"fast": "old"}}, "same": []}
    assert changed_groups(record, CPU, known) == {}
    assert changed_groups(record, fast_spec(), known) == {"fast": ("old", present["fast"])}
    unknown = changed_groups(record, CPU, EMPTY)
    assert unknown == {group: (None, present[group]) for group in ("core", "device", "scratch")}


def test_equivalent_versions_count_over_several_entries_and_only_forwards():
    present = group_hashes()["device"]
    ledger = {"versions": {}, "same": [entry("older", present), entry("oldest", "older"), entry(present, "newer")]}
    assert [bool(changed_groups(record_with(device=code), CPU, ledger)) for code in ("oldest", "older", "newer")] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "clears"),
    [
        ({"compute.device": "cpu"}, [True, False]),
        ({"compute.device": ["cpu", "cuda"], "model": ["scratch_cnn"]}, [True, True]),
        ({"model": "another"}, [False, False]),
        ({"network.redraw": []}, [True, True]),
        ({"recipe.ema": None, "recipe.muon.momentum": None}, [True, True]),
    ],
)
def test_an_entry_speaks_of_the_runs_whose_specs_have_its_values(where, clears):
    ledger = {"versions": {}, "same": [entry("old", group_hashes()["device"], **where)]}
    assert [not changed_groups(record_with(device="old"), spec, ledger) for spec in (CPU, GPU)] == clears
    assert changed_groups(record_with(device="old"), None, ledger)  # nothing is known of the run


def test_the_ledger_is_well_formed():
    ledger, groups = read_ledger(), set(group_hashes())
    for hashes in ledger["versions"].values():
        assert hashes.keys() <= groups
    for one in ledger["same"]:
        assert one.keys() - {"where"} == {"group", "from", "to", "why"} and one["group"] in groups and one["why"]
        assert one.keys() & {"where"} == set() or one["where"]
        changed_groups(record_with(**{one["group"]: one["from"]}), CPU)  # its keys are those of a spec


def test_the_command_groups_older_runs_and_prints_the_entry_that_would_clear_them(tmp_path):
    for seed, groups in enumerate([{}, {"core": "old"}, {"core": "old", "fast": "old"}]):
        folder, spec = tmp_path / f"runs/scratch_cnn/seed-{seed}", scratch_spec(seed)
        write_json(folder / "spec.json", spec.to_json())
        known = {"model": "scratch_cnn", "spec_sha256": spec.sha256(), "environment": {"device": "cpu"}}
        write_json(folder / "run.json", record_with(**groups) | known)
    assert [is_of_older_code(tmp_path / f"runs/scratch_cnn/seed-{seed}") for seed in range(3)] == [False, True, True]
    said = describe([tmp_path])
    assert said.startswith("2 of 3 runs are of an older version of core.") and "fast" not in said
    assert f"- group: core\n  from: old\n  to: {group_hashes()['core']}\n" in said
    assert "compute.device: [cpu]\n" in said and "model: [scratch_cnn]\n" in said
    assert describe([tmp_path / "runs"]) == "None of 0 runs is of older code."
