"""StudentSettings: the shape of a student that is made from scratch, and what its words are; the students' names."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses.limits import Check, number, one_of, whole

TRANSFORMER = "transformer"
FORM = f"{TRANSFORMER}:LxH"
_SHAPE = re.compile(rf"{TRANSFORMER}:(\d{{1,4}})x(\d{{1,6}})")
Tokens = Literal["auto", "words", "wordpiece"]
Network = Literal["layer-mean", "plain"]
OF_TOKENS = ("tokens", "vocabulary_size", "embeddings")
OF_LSTMS = ("embedding_size", "channels", "lstm_size")
OF_TRANSFORMERS = ("student_network", "attention_heads")
"""Settings that only some students have."""
OF_BASE = ("base", "teacher")
RANDOM = "random"


@dataclass(frozen=True)
class Student:
    """A kind of student: its model type, sizes where none are given, and settings of a training that suit it."""

    model_type: str
    training: dict[str, Any] = field(default_factory=dict)
    lstm_size: int = 0
    dense_size: int = 512


STUDENTS: dict[str, Student] = {
    "bilstm": Student(
        "rankdistill-bilstm",
        {
            "optimizer": "adadelta",
            "learning_rate": 1.0,
            "warmup_ratio": 0.0,
            "lr_scheduler_type": "constant",
            "lists_per_batch": 50,
            "epochs": 10,
        },
        lstm_size=150,
        dense_size=200,
    ),
    "biattentive": Student(
        "rankdistill-biattentive",
        {"optimizer": "adam", "learning_rate": 5e-4, "warmup_ratio": 0.0, "lists_per_batch": 128, "epochs": 10},
        lstm_size=256,
    ),
    TRANSFORMER: Student("rankdistill-layer-mean", {"learning_rate": 1e-4, "lists_per_batch": 32, "epochs": 3}),
}
"""Name -> student. Source of sizes and optimizers: LSTM-KD §3.4.1 and §4.3.3 (docs/papers.md)."""
DEFAULT_STUDENT = "biattentive"
"""The student of `multitask` where none is named."""


@dataclass(frozen=True)
class StudentSettings:
    """What a student that is made from scratch is made of: --student bilstm, biattentive or transformer:LxH."""

    student_base: str = ""
    """Model whose pieces a student reads, and whose embeddings or first layers it starts from: a folder or a hub id.
    Empty: the first teacher that is a model, else the base."""
    tokens: Tokens = "auto"
    """What a student reads: words of the training's texts, or the base's pieces, which languages without blanks such
    as Thai need; auto: words where embeddings is a file, else the base's pieces."""
    vocabulary_size: int = 50_000
    """Words that a student knows at most, where it reads words: the most frequent ones of the training's texts, and
    those of the file of vectors."""
    embeddings: str = ""
    """Initial embeddings: a file of vectors (GloVe's or word2vec's text, or word2vec's binary, plain or .gz), base (or
    teacher): the base's own, projected to embedding_size, or random. Empty: base for its pieces, random for words."""
    embedding_size: int = 0
    """Numbers of an embedding; 0: those of the vectors, or of the base, but at most 300."""
    channels: int = 0
    """Channels of embeddings: 1 that is trained, 2 with a frozen copy beside it; 0: 2 for a file of vectors, else 1."""
    lstm_size: int = 0
    """Hidden units of an LSTM in one direction; 0: 150 of bilstm, 256 of biattentive."""
    dense_size: int = 0
    """Units of the layer before the logits; 0: 200 of bilstm, 512 of the others."""
    student_dropout: float = 0.1
    """Dropout before that layer."""
    student_network: Network = "layer-mean"
    """What transformer:LxH is: layer-mean reads the [CLS] vectors of all its layers, and starts from the base's first
    ones where they fit; plain is a model of the base's own family with random weights, which every tool loads."""
    attention_heads: int = 0
    """Attention heads of a transformer; 0: 64 components to a head, or the most below that which divide the width. One
    that starts from a base's first layers has theirs; with another number its layers start at random."""

    def __post_init__(self) -> None:
        for name, check in LIMITS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        if self.tokens == "words" and self.embeddings in OF_BASE:
            raise UsageError("a base has embeddings of its pieces: take tokens wordpiece, or embeddings of a file")

    def check(self, name: str) -> None:
        """Raise `UsageError`, before any work, for what the student of that name does not use, and for no file."""
        given = [field for field in self._unused(name) if getattr(self, field) != getattr(StudentSettings(), field)]
        if given and self._is_plain(name):
            raise UsageError(
                f"a plain transformer has the base's tokens, dropout and head, and random weights: leave "
                f"{', '.join(given)} out"
            )
        if given:
            read = "words" if self.reads_words else "pieces of the base"
            raise UsageError(f"{name}, which reads {read}, has no use for {', '.join(given)}: leave it out")
        if self.is_file and not Path(self.embeddings).is_file():
            raise UsageError(
                f"embeddings must be a file of word vectors, {OF_BASE[0]} or {RANDOM}: there is no file "
                f"{self.embeddings!r}"
            )

    def _unused(self, name: str) -> tuple[str, ...]:
        """Settings that say nothing of such a student."""
        if self._is_plain(name):
            return OF_TOKENS + OF_LSTMS + ("dense_size", "student_dropout")
        tokens = "student_base" if self.reads_words else "vocabulary_size"
        return (tokens, *(OF_LSTMS if student_kind(name) == TRANSFORMER else OF_TRANSFORMERS))

    def _is_plain(self, name: str) -> bool:
        return self.student_network == "plain" and student_kind(name) == TRANSFORMER

    @property
    def is_file(self) -> bool:
        """Whether the embeddings are those of a file."""
        return self.embeddings not in ("", RANDOM, *OF_BASE)

    @property
    def reads_words(self) -> bool:
        """Whether the student reads words."""
        return self.tokens == "words" or (self.tokens == "auto" and self.is_file)


LIMITS: dict[str, Check] = {
    "tokens": one_of("kind of tokens", get_args(Tokens)),
    "vocabulary_size": whole(1, 10_000_000),
    "embedding_size": whole(1, 10_000, also=(0,)),
    "channels": whole(1, 2, also=(0,)),
    "lstm_size": whole(1, 10_000, also=(0,)),
    "dense_size": whole(1, 100_000, also=(0,)),
    "student_dropout": number(0, 1, below=True),
    "student_network": one_of("network of a transformer", get_args(Network)),
    "attention_heads": whole(1, 1024, also=(0,)),
}
"""Every setting that is a number or one of some names -> the values that it may have."""


def made_from_scratch(name: str, settings: StudentSettings) -> bool:
    """Say whether a name is that of a student made from scratch, and check its settings before any work.

    Raises `UsageError` for settings of such a student that are given for another one, and what `student_kind` and
    `StudentSettings.check` raise.
    """
    if student_kind(name) is not None:
        settings.check(name)
        return True
    given = [field for field, value in asdict(settings).items() if value != getattr(StudentSettings(), field)]
    if given:
        raise UsageError(
            f"{', '.join(given)} shape a student made from scratch (--student bilstm, biattentive or "
            f"transformer:LxH), and {name} is none"
        )
    return False


def student_kind(name: str) -> str | None:
    """Which of `STUDENTS` a name is, ``transformer:3x384`` being a transformer; None for a folder or a hub id.

    Raises `UsageError` for a transformer without a shape, `UnknownNameError` for what is nearly a student's name.
    """
    if name in STUDENTS and name != TRANSFORMER:
        return name
    if name.partition(":")[0] == TRANSFORMER and not Path(name).exists():
        transformer_shape(name)
        return TRANSFORMER
    known = [FORM if each == TRANSFORMER else each for each in STUDENTS]
    plain = not Path(name).exists() and "/" not in name
    if plain and get_close_matches(name.casefold(), [*STUDENTS], n=1, cutoff=0.7):
        raise UnknownNameError("student", name, known)
    return None


def transformer_shape(name: str) -> tuple[int, int]:
    """Layers and width that ``transformer:LxH`` says; `UsageError` where it says none, or none that can be."""
    found = _SHAPE.fullmatch(name)
    layers, width = map(int, found.groups()) if found else (0, 0)
    if not (1 <= layers <= 100 and 8 <= width <= 16_384):
        raise UsageError(
            f"a transformer student is written {FORM}, layers from 1 to 100 and width from 8 to 16,384, such as "
            f"{TRANSFORMER}:3x384, got {name!r}"
        )
    return layers, width
