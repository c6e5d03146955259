"""Textbooks: the sentences of a general corpus that a task's texts find, to distil from without labels."""

from rankdistill.textbook.build import build_textbook
from rankdistill.textbook.settings import TextbookSettings

__all__ = ["TextbookSettings", "build_textbook"]
