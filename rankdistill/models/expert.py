"""Expert: what a training needs to know of a model whose scores are stored already, without the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rankdistill.errors import DataError, UsageError
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.labels import labels_of


@dataclass(frozen=True)
class Expert:
    """A scored model: how its logits are read, and what a student of it starts with."""

    contract: ScoreContract
    labels: tuple[str, ...]
    """Names of a classifier's classes; else empty."""
    n_texts: int
    max_length: int
    fingerprint: str
    """Of the model whose scores are stored."""

    @classmethod
    def of(cls, model: CrossEncoder | Expert) -> Expert:
        """Describe a model; a description is returned as it is."""
        if isinstance(model, Expert):
            return model
        labels = tuple(labels_of(model.model.config)) if model.contract.form == CLASSES else ()
        return cls(model.contract, labels, model.n_texts, model.max_length, model.fingerprint())

    def columns(self, name: str) -> list[str]:
        """Names of its columns under a name: NAME.0, NAME.1 ... of a classifier's logits, else NAME."""
        return columns_of(self.contract, name)

    def to_facts(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], where: str) -> Expert:
        """Read what `to_facts` returned; `DataError` for anything else. where: the file, for the message."""
        names = cls.__dataclass_fields__
        try:
            known = {name: facts[name] for name in names}
            contract = ScoreContract(**known.pop("contract"))
            return cls(contract=contract, **{**known, "labels": tuple(known["labels"])})
        except (KeyError, TypeError, UsageError) as error:
            raise DataError(f"{where} does not describe the experts whose scores it lists: {error!r}") from error


def columns_of(contract: ScoreContract, name: str) -> list[str]:
    """Names of the columns that hold a model's scores under a name, see `Expert.columns`."""
    return [f"{name}.{place}" for place in range(contract.n_classes)] if contract.form == CLASSES else [name]
