"""stats: how many queries, documents and judgments a collection has; or the texts of several, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.options import Json, Processes, Seed
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FILE
from rankdistill.corpus.documents import FORMS
from rankdistill.corpus.languages import warn_without_rules
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.corpus.sources import is_pair_folder
from rankdistill.data.sources import SYNTAX, load_collection
from rankdistill.errors import UsageError
from rankdistill.textbook.corpora import SENTENCES, gives_sentences, has_splits, texts_in
from rankdistill.textbook.overlap_picture import write_overlap
from rankdistill.textbook.statistics import VOCABULARY, text_statistics
from rankdistill.textbook.stop_words import stop_words_of

TEXT_DEFAULTS = CorpusSettings()


def stats(
    collection: Annotated[
        tuple[str, ...],
        Parameter(
            help=f"Collections, folders of parts, or text that is split into sentences ({FORMS}; folders of such "
            f"files; {SENTENCES}COLLECTION), each also as NAME=SOURCE. Collections: {SYNTAX}."
        ),
    ],
    *,
    text: Annotated[
        bool, Parameter(help="Statistics of the texts, also of one collection; of several always.", show_default=False)
    ] = False,
    split: Annotated[
        str | None,
        Parameter(help="Split of tasks whose texts count, or all. [default: train; of a ranking all queries]"),
    ] = None,
    vocabulary: Annotated[
        int, Parameter(help="Most frequent words of each corpus that are compared.", validator=Number(gte=1))
    ] = VOCABULARY,
    stop_words: Annotated[
        Path | None,
        Parameter(
            help="File of stop words, which are left out of the words compared: text in UTF-8, words apart by white "
            "space. [default: those of --text.language]"
        ),
    ] = None,
    settings: Annotated[CorpusSettings, Parameter(name="--text")] = TEXT_DEFAULTS,
    processes: Processes = None,
    picture: Annotated[Path | None, OUTPUT_FILE, Parameter(help="SVG file to draw the shared vocabularies in.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Count what is in a collection, or compare the texts of several.

    Of one: sizes, splits, grades, mean number of words, runs in the collection's folder, and judged pairs without a
    text. Of several: words, distinct words and pairs of words of samples of the same size, near duplicates, and the
    share of the most frequent words that two corpora have in common. For example

        rankdistill stats pydocs --json
        rankdistill stats general=wikipedia/ task=glue:rte@glue \\
            augmented=pairs:runs/rte.augmented textbook=textbook:runs/rte.textbook --picture overlap.svg
    """
    named = _named(collection)
    [source, *others] = named.values()
    if not others and not text and not gives_sentences(source) and not is_pair_folder(source):
        of_texts = {
            "--picture": picture is not None,
            "--split": split is not None,
            "--vocabulary": vocabulary != VOCABULARY,
            "--stop-words": stop_words is not None,
            "--seed": seed != 0,
            **dict.fromkeys(map(_option, settings.changed()), True),
        }
        if given := [option for option, is_given in of_texts.items() if is_given]:
            raise UsageError(f"{given[0]} is for statistics of texts: give --text, or several collections")
        numbers = load_collection(source).stats()
        if as_json:
            print_json(numbers)
        else:
            print_rich(table(["what", "number"], _rows(numbers)))
        return
    if split is not None and not any(map(has_splits, named.values())):
        raise UsageError(f"--split {split}: of tasks and rankings alone; leave it out for {', '.join(named)}")
    of_sentences = any(map(gives_sentences, named.values()))
    _check_settings(settings, of_sentences, stop_words)
    if of_sentences:
        warn_without_rules(settings.language)
    found = text_statistics(
        {name: texts_in(source, split, settings, processes) for name, source in named.items()},
        vocabulary=vocabulary,
        similarity=settings.similarity,
        stop_words=stop_words_of(settings.language, stop_words),
        seed=seed,
    )
    if picture is not None:
        write_overlap(found["overlap"], found["vocabulary"], picture)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if picture is not None:
        say_wrote(picture)


def _check_settings(settings: CorpusSettings, of_sentences: bool, stop_words: Path | None) -> None:
    """Raise `UsageError` for a setting of the text that changes none of the numbers."""
    changed = settings.changed()
    for name in ("pairs", "overlap", "seed"):
        if name in changed:
            seed = "; the seed of samples is --seed" if name == "seed" else ""
            raise UsageError(f"{_option(name)} is a setting of `corpus`, for pairs: leave it out{seed}")
    if of_sentences:
        return
    if "language" in changed and stop_words is not None:
        raise UsageError(
            "--text.language chooses the stop words, which are those of --stop-words: leave out one of them, as there "
            "is no text to split into sentences"
        )
    if unused := [name for name in changed if name not in ("similarity", "language")]:
        raise UsageError(
            f"{_option(unused[0])} is for text that is split into sentences, and there is none: leave it out, or "
            f"give {SENTENCES}COLLECTION"
        )


def _option(setting: str) -> str:
    """The option of a setting of the text: --text.min-characters."""
    return f"--text.{setting.replace('_', '-')}"


def _named(words: Sequence[str]) -> dict[str, str]:
    """Name -> source, of words such as NAME=COLLECTION or COLLECTION."""
    named: dict[str, str] = {}
    for word in words:
        name, sign, source = word.partition("=")
        if not sign or Path(word).exists() or ":" in name or "/" in name:
            name = source = word
        if not name or not source:
            raise UsageError(f"got {word!r}, expected COLLECTION or NAME=COLLECTION")
        if name in named:
            raise UsageError(f"two collections are called {name!r}: give each a name of its own, NAME=COLLECTION")
        named[name] = source
    return named


def _print(found: Mapping[str, Any]) -> None:
    names = list(found["corpora"])
    rows: dict[str, list[str]] = {}
    for numbers in found["corpora"].values():
        for what, value in _flat(numbers):
            rows.setdefault(what, []).append(value)
    print_rich(table(["", *names], ([what, *values] for what, values in rows.items())))
    if len(names) > 1:
        overlap = ([one, *(f"{100 * found['overlap'][one][other]:.1f}" for other in names)] for one in names)
        print_rich(table([f"shared of {found['vocabulary']:,} words, %", *names], overlap))


def _flat(numbers: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for key, value in numbers.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}: ")
        else:
            shown = f"{100 * value:.2f} %" if isinstance(value, float) else f"{value:,}"
            yield (
                f"{within}{key.replace('_', '-' if key.startswith('distinct_') and key[-1].isdigit() else ' ')}",
                shown,
            )


def _rows(numbers: Mapping[str, Any], within: str = "") -> Iterator[list[str]]:
    for key, value in numbers.items():
        name = f"{within}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _rows(value, f"{name}: ")
        elif isinstance(value, list):
            yield [name, "\n".join(value) or "none"]
        else:
            yield [
                name,
                f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value,
            ]
