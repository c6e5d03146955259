"""EnsembleParts: ensemble teachers part by part, whether each has a folder of parts or all are columns of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rankdistill.cluster.steps import Steps
from rankdistill.data.candidates import Candidates
from rankdistill.data.parts import SCORE, check_lists_whole, part_identities, part_of, part_table, parts_of, write_part
from rankdistill.data.trec.read import read_qrels
from rankdistill.ensembling.ensemble import METHODS, EnsembleReport, ensemble
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.normalize import warn_of_scales
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.ensembling.whole import Whole, whole_of
from rankdistill.errors import DataError, UsageError
from rankdistill.files.checksums import checksum

LABEL = "label"


@dataclass(frozen=True)
class EnsembleParts:
    """Ensemble a part of all teachers; see `ensemble` for the settings and the seed.

    folders: without ``columns`` one for each teacher, whose scores in parts of the same names are ensembled, and best
    candidates are written first. columns: the teachers where all are columns of the one folder's parts; the new parts
    then have the rows of the old ones, in their order. qrels: file of judgments; without, labels are the column
    ``label`` of that folder's parts. All teachers' parts are read once more for each statistic that `whole_of` needs.
    """

    folders: tuple[str, ...]
    qrels: str | None = None
    settings: EnsembleSettings = field(default_factory=EnsembleSettings)
    seed: int = 0
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.columns and len(self.folders) != 1:
            raise UsageError(f"columns of teachers are those of one folder of parts, got {len(self.folders)} folders")

    @property
    def teachers(self) -> tuple[str, ...]:
        """Names of the teachers' columns in what is ensembled."""
        return self.columns or self.folders

    def facts(self) -> dict[str, Any]:
        """The settings and, by content rather than by name, the parts and the judgments.

        Raises `DataError` where a query's list is in two parts.
        """
        facts: dict[str, Any] = {
            "teachers": {
                f"{n}: {name}": d for n, each in enumerate(self.folders, 1) for name, d in part_identities(each).items()
            },
            "judgments": checksum(self.qrels)["sha256"] if self.qrels else None,
            **asdict(self.settings),
            "seed": self.seed,
        }
        if self.columns:
            facts["columns"] = list(self.columns)
        check_lists_whole(parts_of(self.folders[0]))
        _ = self._whole  # kept with this object, also where it is sent to other processes
        return facts

    @cached_property
    def _whole(self) -> Whole:
        return whole_of(lambda: self._all(None), self.teachers, self.settings)

    def _all(self, qrels: Candidates | None) -> Iterator[Candidates]:
        return (self._joined(part, self._read(part), qrels) for part in parts_of(self.folders[0]))

    def _check_labelled(self, qrels: Candidates | None) -> None:
        """Raise `DataError` where labels are needed and no part has one; usually the first part has."""
        if METHODS[self.settings.method].needs_labels and all(np.isnan(p[LABEL]).all() for p in self._all(qrels)):
            raise DataError(
                f"no candidate of {self.folders[0]} has a label, and {self.settings.method!r} without labels is the "
                "mean: give the judgments of these queries, or use method='mean'"
            )

    def start(self) -> Steps:
        """Read the judgments, and what has to be known of all parts where it is not yet."""
        qrels = read_qrels(self.qrels) if self.qrels else None
        whole = self._whole
        self._check_labelled(qrels)
        unseen = [True]  # the first part made here tells of teachers that differ in scale

        def make(part: Path, tables: Sequence[pa.Table]) -> tuple[Candidates, Counter[str]]:
            joined = self._joined(part, tables, qrels)
            if unseen and unseen.pop():
                self._warn_of_scales(joined)
            run, report = ensemble(joined, self.teachers, self.settings, labels=LABEL, seed=self.seed, whole=whole)
            made = run.only_columns().with_columns({SCORE: run[self.settings.method]})
            return made if self.columns else made.ranked(SCORE), counts_of(report)

        return Steps(self._read, make, write_part)

    def _warn_of_scales(self, part: Candidates) -> None:
        if self.settings.normalize == "none":
            warn_of_scales({name: part[name] for name in self.teachers})

    def _read(self, part: Path) -> list[pa.Table]:
        if not self.columns:
            return [part_table(Path(folder) / part.name, [SCORE]) for folder in self.folders]
        return [part_table(part, [*self.columns, *self._own_label])]

    @property
    def _own_label(self) -> list[str]:
        """The column of labels, where the parts have to hold it."""
        return [LABEL] if self.qrels is None and METHODS[self.settings.method].needs_labels else []

    def _joined(self, part: Path, tables: Sequence[pa.Table], qrels: Candidates | None) -> Candidates:
        """Make candidates of a part: a column for each teacher, and labels."""
        if self.columns:
            joined = part_of(tables[0], part, [*self.columns, *self._own_label])
        else:
            runs = {
                folder: part_of(table, Path(folder) / part.name)
                for folder, table in zip(self.folders, tables, strict=True)
            }
            first, *others = runs.values()
            if any(set(other.query_ids.to_pylist()) - set(first.query_ids.to_pylist()) for other in others):
                raise DataError(
                    f"{part.name} has other queries in {' and '.join(self.folders)}: ensemble runs that were made "
                    "from the same parts"
                )
            joined = join_runs(runs)
        return joined if qrels is None else joined.join(qrels, LABEL)


def counts_of(report: EnsembleReport) -> Counter[str]:
    """What is counted of a part, to be summed over the parts."""
    counts = Counter({"candidates": report.candidates, "candidates dropped for a missing score": report.dropped})
    counts.update({f"scores missing in {teacher}": count for teacher, count in report.missing.items()})
    if report.unlabelled is not None:
        counts["candidates without a label"] = report.unlabelled
    if report.pile:
        counts["comparable pairs"] = report.pile.comparable
        counts["pairs reversed before PILE"] = report.pile.reversed_before
        counts["pairs reversed after PILE"] = report.pile.reversed_after
        counts["queries stopped at PILE's cap"] = report.pile.capped_queries
    return counts
