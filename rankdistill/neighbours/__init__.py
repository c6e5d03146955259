"""Our cross-encoders inside other tools: a transformer of PyTerrier, and mteb's protocol of cross-encoders.

Each module needs the package that it is for, which the extra of the same name installs.
"""
