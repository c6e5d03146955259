"""Write a picture of a table: the same numbers make the same file."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from rankdistill.files.atomic import atomic_path


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, without a date and with ids by the file's name."""
    with matplotlib.rc_context({"svg.hashsalt": path.stem}), atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
