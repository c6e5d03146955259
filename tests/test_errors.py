"""Errors reach other processes as they are."""

from __future__ import annotations

import pickle

import pytest

from rankdistill.errors import (
    DataError,
    FileFormatError,
    MissingExtraError,
    RankDistillError,
    UnknownNameError,
    UsageError,
)


@pytest.mark.parametrize(
    "error",
    [
        RankDistillError("a"),
        UsageError("b"),
        DataError("c"),
        FileFormatError("file", 3, "x", "a number"),
        MissingExtraError("the engine", "onnx"),
        UnknownNameError("loss", "hinje", ["hinge"]),
    ],
)
def test_an_error_survives_pickling(error: RankDistillError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
