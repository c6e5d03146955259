"""``python -m rankdistill``: the command line, the same as ``rankdistill``."""

import sys

from rankdistill.cli import main

if __name__ == "__main__":
    sys.exit(main())
