"""Collections of scored pairs: GLUE's files, and tables that a ``task.yaml`` describes."""
