"""Files as bytes: gzip by its first bytes, and files of other kinds by name instead of by a riddle."""

import gzip
import os
import threading

import pytest

from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import FOREIGN, map_bytes, read_bytes

TEXT = b"q1 Q0 d1 1 7.5 x\n"


@pytest.mark.parametrize("name", ["run.trec", "run.trec.gz"])
def test_gzip_is_read_whatever_the_name(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(TEXT))
    assert bytes(map_bytes(tmp_path / name)) == TEXT


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf" + TEXT)
    assert read_bytes(tmp_path / "a") == TEXT


def test_an_empty_file_is_empty_and_a_pipe_is_read(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert read_bytes(tmp_path / "empty") == b""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(TEXT))
    writer.start()
    assert read_bytes(tmp_path / "pipe") == TEXT
    writer.join()


@pytest.mark.parametrize("first", FOREIGN, ids=FOREIGN.values())
@pytest.mark.parametrize("zipped", [False, True])
def test_files_of_other_kinds_are_named(tmp_path, first, zipped):
    data = first + b"\0\1\2\3" * 20
    path = tmp_path / ("a.gz" if zipped else "a")
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(FileFormatError, match="expected text in UTF-8") as caught:
        map_bytes(path)
    assert FOREIGN[first][:20] in str(caught.value)


def test_damaged_gzip_is_refused_with_the_line_and_what_to_do(tmp_path):
    whole = gzip.compress(os.urandom(2000) + b"\n")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (b"", whole[:10], whole[: len(whole) // 2], whole[:-4], bytes(flipped), whole + b"junk"):
        (tmp_path / "a.gz").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"a\.gz:\d+: got .* expected intact gzip data: fetch or write"):
            map_bytes(tmp_path / "a.gz")
    (tmp_path / "a.gz").write_bytes(TEXT)
    with pytest.raises(FileFormatError, match=r"take \.gz off its name"):
        map_bytes(tmp_path / "a.gz")


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none"):
        map_bytes(tmp_path / "none")
    with pytest.raises(DataError, match=r"cannot read .*: Is a directory"):
        map_bytes(tmp_path)
