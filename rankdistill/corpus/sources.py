"""Sources of text: parts of sentence pairs, collections, and text files; each yields documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdistill.corpus.documents import read_documents, text_files
from rankdistill.data.collection import Collection
from rankdistill.data.digest import documents_digest
from rankdistill.data.pair_parts import read_pair_part
from rankdistill.data.parts import is_parts, part_identity, parts_of
from rankdistill.data.sources import SOURCES, load_collection
from rankdistill.data.sources.layout import find_files
from rankdistill.files.checksums import checksum
from rankdistill.files.facts import digest
from rankdistill.progress import progress

_OF_PARTS = ("pairs", "textbook")
_TRAINING = "train"


@dataclass(frozen=True)
class PairParts:
    """Parts of sentence pairs, as `corpus`, `augment` and `textbook` write them."""

    files: list[Path]

    def documents(self) -> Iterator[str]:
        """Yield both texts of every pair, each as a document."""
        for file in self.files:
            table = read_pair_part(file)
            for pair in zip(table["first"].to_pylist(), table["second"].to_pylist(), strict=True):
                yield from filter(None, pair)

    def identity(self) -> Any:
        """The name and checksum of each part."""
        return {file.name: part_identity(file) for file in self.files}


@dataclass(frozen=True, eq=False)
class CollectionTexts:
    """The documents of a ranking; or of a task of scored pairs, which has none, the texts of its training split."""

    collection: Collection

    def documents(self) -> Iterator[str]:
        """Yield the texts, of pairs the first ones and then the second ones."""
        if self.collection.scored_pairs is None:
            for _, texts in self.collection.documents.batches():
                yield from texts.to_pylist()
            return
        pairs = self.collection.candidates
        assert pairs is not None
        if self.collection.splits:
            pairs = self.collection.in_split(pairs, _TRAINING)
        yield from self.collection.queries.take(pairs.query_ids)
        yield from filter(None, self.collection.documents.take(pairs.doc_ids))

    def identity(self) -> Any:
        """A digest of the texts, or the name of a data set whose documents do not change."""
        if self.collection.scored_pairs is None:
            return documents_digest(self.collection)
        hashed = hashlib.blake2b(digest_size=16)
        for text in self.documents():
            hashed.update(len(text.encode()).to_bytes(8, "little") + text.encode())
        return hashed.hexdigest()


@dataclass(frozen=True)
class TextFiles:
    """Text files, of a folder in the order of their paths."""

    files: list[Path]

    def documents(self) -> Iterator[str]:
        """Yield the documents of each file; lines of a document are its paragraphs."""
        for file in self.files:
            yield from read_documents(file)

    def identity(self) -> Any:
        """The name and checksum of each file."""
        with progress("checksums of the text", len(self.files), unit="files") as advance:
            sums = []
            for file in self.files:
                sums.append([file.name, checksum(file)["sha256"]])
                advance(1)
        return sums


Source = PairParts | CollectionTexts | TextFiles


def open_source(source: str | Path) -> Source:
    """Open what a source names, by the same rules as every option that takes a collection.

    Parts of sentence pairs are ``pairs:FOLDER``, ``textbook:FOLDER``, one file in place of the folder, or the bare
    folder. A collection is a source string of `load_collection`, or the bare folder of one, which has documents and
    queries. Anything else is a text file, or a folder of text files. Raises `UsageError` for a source that is none of
    these, `DataError` for a folder without text files or with missing parts, and what loading a collection raises.
    """
    path, (prefix, _, argument) = Path(source), str(source).partition(":")
    if prefix in _OF_PARTS and argument and not path.exists():
        return PairParts([Path(argument)] if Path(argument).is_file() else parts_of(argument))
    if is_text(source):
        return TextFiles(text_files(path))
    return PairParts(parts_of(path)) if is_pair_folder(path) else CollectionTexts(load_collection(source))


def is_text(source: str | Path) -> bool:
    """Tell whether a source is no collection and no parts, but a text file, a folder of those, or nothing."""
    path = Path(source)
    if str(source).partition(":")[0] in SOURCES and not path.exists():
        return False
    untagged = path if path.exists() else Path(str(source).rpartition("#")[0])
    return not _has_collection(untagged) and not is_parts(path)


def is_pair_folder(path: str | Path) -> bool:
    """Tell whether this is the bare folder of parts, and not that of a collection in the form of Parquet."""
    return is_parts(path) and not _has_collection(Path(path))


def identity_of(sources: Sequence[Source]) -> str:
    """Tell what is in all sources by one digest, whatever their folders are called."""
    return digest([source.identity() for source in sources])


def _has_collection(folder: Path) -> bool:
    """Whether a folder has the documents and queries of a collection."""
    if not folder.is_dir():
        return False
    found = find_files(folder)
    return bool(found.documents and found.queries)
