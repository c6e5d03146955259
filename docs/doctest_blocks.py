"""An extension of griffe: examples in docstrings (``>>> …``) become blocks of code on the API pages."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^(?: *>>> .*(?:\n(?! *$).*)*)", re.MULTILINE)


class DoctestBlocks(Extension):
    """Fence each example, from its first prompt to the next empty line."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite an object's docstring; griffe calls this for everything it loads."""
        if obj.docstring is not None and ">>> " in obj.docstring.value:
            obj.docstring.value = EXAMPLE.sub(lambda example: f"```pycon\n{example[0]}\n```", obj.docstring.value)
