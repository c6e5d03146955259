"""ExpertParts: score pairs of sentences or ranking lists, part by part, by several experts at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankdistill.cluster.over_parts import over_parts
from rankdistill.cluster.part_forms import ListForm, PairForm, PartForm
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.cluster.work import DoPart
from rankdistill.data.query_lists import LISTS, check_lists, link_texts
from rankdistill.errors import DataError, UsageError
from rankdistill.files.outputs import check_output_folder
from rankdistill.scoring.expert_kinds import check_classifiers, over_lists
from rankdistill.scoring.experts import EXPERTS, check_passages, load_experts, score_experts, stored_experts
from rankdistill.scoring.settings import ScoringSettings

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.expert import Expert


@dataclass(frozen=True)
class ExpertParts:
    """Add the scores of experts to parts, every logit of a classifier, as `score_experts` does.

    experts: name -> folder or hub id. settings: without a store, as finished parts are the store. earlier: the experts
    whose scores the parts hold already, which are kept. form: what the parts hold, pairs of sentences or lists, over
    which experts are read as `over_lists` says. classifiers: names of experts whose two logits are those of classes,
    see `of_kind`.
    """

    experts: Mapping[str, str]
    settings: ScoringSettings = field(default_factory=ScoringSettings)
    earlier: Mapping[str, Expert] = field(default_factory=dict)
    form: PartForm = field(default_factory=PairForm)
    classifiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.experts:
            raise UsageError("no experts given: expected at least one trained model")
        if self.settings.store is not None:
            raise UsageError("a store is for a run in one file: of parts, the finished ones are in the output")
        check_classifiers(self.classifiers, self.experts)
        if taken := sorted(set(self.experts) & set(self.earlier)):
            raise UsageError(
                f"the parts already hold scores of an expert {taken[0]!r}: name yours otherwise, NAME=MODEL"
            )

    def facts(self) -> dict[str, Any]:
        """Return the settings and what describes each expert, by content rather than by name.

        The models that were loaded for that are kept for `start`, in this process.
        """
        from rankdistill.models.contract import CLASSES
        from rankdistill.models.expert import Expert

        models = self.__dict__["_loaded"] = self._load()
        if any(model.contract.form == CLASSES for model in models.values()):
            check_passages(self.settings)
        described = {**self.earlier, **{name: Expert.of(model) for name, model in models.items()}}
        return {
            EXPERTS: {name: expert.to_facts() for name, expert in described.items()},
            "computed by": {name: model.engine.identity for name, model in models.items()},
            **self.form.facts(),
            **self.settings.facts(),
            "batch_tokens": {name: self.settings.batch_tokens or model.batch_tokens for name, model in models.items()},
        }

    def _load(self) -> dict[str, CrossEncoder]:
        models = load_experts(self.experts, self.settings, self.classifiers)
        return {name: over_lists(model) if isinstance(self.form, ListForm) else model for name, model in models}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is loaded: each process loads it itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_loaded"}

    def start(self) -> DoPart:
        """Load the models, and what all parts need."""
        models, read = self.__dict__.pop("_loaded", None) or self._load(), self.form.start()

        def do(part: Path, store: Path, out: Path) -> Counter[str]:
            found = read(part)
            settings = replace(self.settings, store=store).without_asking()  # the models are loaded
            columns, reports = score_experts(
                models, found.candidates, found.collection, settings, description=part.stem
            )
            if clash := sorted(set(columns) & set(found.names)):
                raise DataError(f"{part} already has a column {clash[0]!r}: name the expert otherwise, NAME=MODEL")
            found.write(columns, out)
            counts = Counter({"pairs": len(found.candidates)})
            counts.update({f"pairs truncated for {name}": report.n_truncated for name, report in reports.items()})
            return counts

        return do


def score_lists(
    experts: Mapping[str, str],
    folder: str | Path,
    out: str | Path,
    settings: ScoringSettings | None = None,
    cluster: ClusterSettings | None = None,
    classifiers: Sequence[str] = (),
) -> tuple[int, Counter[str]]:
    """Write the lists of a folder, with the columns of experts beside those that it has, as another folder of lists.

    classifiers, parts, return value and errors are those of `over_parts` by `ExpertParts`; texts are linked or copied
    when all parts are there, and the folder is one of lists only then. Raises `DataError` for a folder that is none of
    lists, and `UsageError` where ``out`` holds anything else than what this call began.
    """
    folder, out = Path(folder).absolute(), Path(out).absolute()
    check_lists(folder)
    check_output_folder(out, new=not (out / LISTS).is_dir())
    earlier = stored_experts(folder / LISTS)
    work = ExpertParts(experts, settings or ScoringSettings(), earlier, ListForm(str(folder)), tuple(classifiers))
    done = over_parts(work, folder / LISTS, out / LISTS, cluster)
    link_texts(folder, out)
    return done
