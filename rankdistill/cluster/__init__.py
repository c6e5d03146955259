"""The same work over the parts of a run, one after the other here or many at once on a Ray cluster."""

from rankdistill.cluster.ensemble_parts import EnsembleParts
from rankdistill.cluster.expert_parts import ExpertParts, score_lists
from rankdistill.cluster.over_parts import over_parts
from rankdistill.cluster.settings import ClusterSettings
from rankdistill.cluster.work import ScoreParts

__all__ = ["ClusterSettings", "EnsembleParts", "ExpertParts", "ScoreParts", "over_parts", "score_lists"]
