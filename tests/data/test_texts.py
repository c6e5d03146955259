"""Texts: every id finds its own text, from memory or mapped from disk, and no other."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import Texts
from rankdistill.data.texts import concatenate_texts
from rankdistill.errors import DataError

pairs = st.dictionaries(st.text("ab0é\0", max_size=6), st.text(max_size=8), max_size=30)


@given(pairs=pairs, others=st.lists(st.text("ab0é\0", max_size=6), max_size=8), data=st.data())
def test_lookups_are_those_of_a_dict(pairs, others, data):
    made = Texts.from_pairs(list(pairs), list(pairs.values()))
    assert list(made) == list(pairs.items())
    assert len(made) == len(pairs)
    wanted = [*data.draw(st.permutations(list(pairs))), *list(pairs)[:3]]
    assert made.take(wanted) == [pairs[i] for i in wanted]
    assert made.positions(others).tolist() == [list(pairs).index(i) if i in pairs else -1 for i in others]
    assert [i in made for i in others] == [i in pairs for i in others]


@given(pairs=pairs)
def test_texts_read_back_from_disk_as_they_were(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("texts") / "t.arrow"
    made = Texts.from_pairs(list(pairs), list(pairs.values()))
    made.save(path)
    back = Texts.open(path)
    assert list(back) == list(made)
    assert back.take(list(pairs)) == list(pairs.values())


def test_opened_texts_are_mapped_not_copied(tmp_path):
    made = Texts.from_pairs([str(i) for i in range(1000)], ["word " * 100] * 1000)
    made.save(tmp_path / "t.arrow")
    before = pa.total_allocated_bytes()
    opened = Texts.open(tmp_path / "t.arrow")
    assert opened["999"] == "word " * 100
    assert pa.total_allocated_bytes() - before < 100_000


def test_slices_of_arrow_arrays_serve_as_ids():
    ids = pa.array([f"d{i}" for i in range(10)])
    made = Texts.from_pairs(ids[2:8], ids[2:8])
    assert made.take(ids[5:7]) == ["d5", "d6"]
    assert made.positions(ids).tolist() == [-1, -1, 0, 1, 2, 3, 4, 5, -1, -1]


# A known collision of 64-bit FNV-1a.
TWINS = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"]


def test_ids_that_share_a_hash_are_told_apart():
    one, other = TWINS
    made = Texts.from_pairs(["a", one, "b", other], ["0", "1", "2", "3"])
    assert made.take([other, one, "b", other]) == ["3", "1", "2", "3"]
    assert made.positions([other, "c", one]).tolist() == [3, -1, 1]
    assert Texts.from_pairs([one], ["1"]).positions([other]).tolist() == [-1]
    with pytest.raises(DataError, match=f"duplicate id '{other}', in rows 1 and 2"):
        Texts.from_pairs([one, other, other], ["", "", ""])


def test_an_id_without_a_text_is_named_and_counted():
    made = Texts.from_pairs(["a"], ["x"])
    with pytest.raises(DataError, match=r"'b' has no text \(2 of the 3 ids"):
        made.take(["a", "b", "c"])
    with pytest.raises(DataError, match="'b' has no text"):
        made["b"]
    assert 3 not in made


def test_duplicates_nulls_and_unequal_lengths_are_named():
    with pytest.raises(DataError, match="duplicate id 'a', in rows 0 and 2"):
        Texts.from_pairs(["a", "b", "a"], ["", "", ""])
    with pytest.raises(DataError, match=r"text of row 1 is null \(id 'b'\)"):
        Texts.from_pairs(["a", "b"], ["x", None])
    with pytest.raises(DataError, match="2 ids but 1 texts"):
        Texts.from_pairs(["a", "b"], ["x"])


def test_other_files_are_explained(tmp_path):
    with pytest.raises(DataError, match="no file"):
        Texts.open(tmp_path / "none.arrow")
    (tmp_path / "junk.arrow").write_text("junk")
    with pytest.raises(DataError, match=r"junk\.arrow is not a file of texts"):
        Texts.open(tmp_path / "junk.arrow")
    table = pa.table({"x": ["1"]})
    with pa.ipc.new_file(tmp_path / "other.arrow", table.schema) as file:
        file.write_table(table)
    with pytest.raises(DataError, match="columns"):
        Texts.open(tmp_path / "other.arrow")


def test_a_million_ids_are_found_in_bulk():
    ids = pa.array(np.arange(1_000_000)).cast(pa.large_string())
    made = Texts.from_pairs(ids, ids)
    wanted = np.random.default_rng(0).permutation(1_000_000)[:100_000]
    assert made.positions(pa.array(wanted).cast(pa.large_string())).tolist() == wanted.tolist()


def test_concatenated_texts_are_in_order_and_have_unique_ids() -> None:
    first, second = Texts.from_pairs(["a", "b"], ["one", "two"]), Texts.from_pairs(["c"], ["three"])
    joined = concatenate_texts([first, second])
    assert list(joined) == [("a", "one"), ("b", "two"), ("c", "three")]
    with pytest.raises(DataError, match="id 'a'"):
        concatenate_texts([first, second, first])
    with pytest.raises(DataError, match="no texts to concatenate"):
        concatenate_texts([])


def test_a_file_of_texts_that_is_cut_or_flipped_or_another_is_refused_wherever_it_is_damaged(tmp_path):
    path = tmp_path / "t.arrow"
    Texts.from_pairs(["a", "b"], ["one", "two"]).save(path)
    whole = path.read_bytes()
    damaged = [whole[:at] for at in range(0, len(whole), 97)]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 97)]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"the file of texts .*t\.arrow is damaged: .*; make it again"):
            Texts.open(path)
    path.write_bytes(whole)
    assert Texts.open(path)["b"] == "two"


def test_a_file_of_texts_without_checksums_is_checked_to_be_text(tmp_path):
    path = tmp_path / "t.arrow"
    Texts.from_pairs(["a", "b"], ["first text", "second text"]).save(path)
    (tmp_path / ".t.arrow.checksum").unlink()
    assert Texts.open(path)["b"] == "second text"
    path.write_bytes(path.read_bytes().replace(b"first", b"fir\xffs"))
    with pytest.raises(DataError, match=r"is damaged: .*UTF8"):
        Texts.open(path)
