"""Where collections come from: one module a source, each with ``load(argument) -> Collection``."""
