"""Official files are pickles: whatever one of them asks to call, nothing of it runs."""

import pickle

import pytest
from hostile_pickles import HOSTILE
from official_files import contents, manifest_of, refusal, write

from study.data.source import load_pickle, read_folder


@HOSTILE
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_runs_nothing(tmp_path, attack, protocol):
    marker = tmp_path / "was here"
    payload, named = attack(marker)
    content = pickle.dumps({b"data": payload, b"fine_labels": [0]}, protocol=protocol)
    message = refusal(load_pickle, content, "folder/train")
    assert message.startswith("folder/train is not a pickle of arrays (it wants to call ")
    assert message.endswith(f"{named}); get the official file instead.")
    assert not marker.exists()
    if protocol == 2:  # the attack is real: without the guard it succeeds
        pickle.loads(content)
        assert marker.exists()


@HOSTILE
def test_a_hostile_file_is_stopped_by_its_sum_and_where_the_sum_fits_by_the_unpickler(tmp_path, attack):
    marker = tmp_path / "was here"
    files = contents()
    honest = manifest_of(files)
    files["meta"] = pickle.dumps(attack(marker)[0])
    folder = write(tmp_path / "data", files)
    assert str(folder / "meta") in refusal(read_folder, folder, honest)
    assert "it wants to call" in refusal(read_folder, folder, manifest_of(files))
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch {marker}'\ntR.",  # GLOBAL, REDUCE
        b"(S'touch {marker}'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch {marker}'\no.",  # OBJ
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",  # an attribute behind an allowed name
        b"\x80\x04\x8c\x05numpy\x8c\x10core.sys.modules\x93.",
        b"cnumpy\nload\n(S'{marker}'\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n.",
        b"cbuiltins\ngetattr\n.",
        b"cstudy.data.source\nload_pickle\n.",
    ],
)
def test_no_opcode_reaches_another_callable(tmp_path, content):
    marker = tmp_path / "marker"
    content = content.replace(b"{marker}", str(marker).encode())
    assert "(it wants to call " in refusal(load_pickle, content, "train")
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"\x80", b"<html>", b"Ptrain\n.", b"\x80\x02]q\x00", b"\x80\xff."])
def test_what_is_no_pickle_is_a_sentence(content):
    assert refusal(load_pickle, content, "folder/test").startswith("folder/test is not a pickle of arrays (")
