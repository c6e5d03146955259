"""Corpora: pairs of adjacent sentences from any text, without labels, for guided pre-training and textbooks."""

from rankdistill.corpus.build import build_corpus
from rankdistill.corpus.settings import CorpusSettings

__all__ = ["CorpusSettings", "build_corpus"]
