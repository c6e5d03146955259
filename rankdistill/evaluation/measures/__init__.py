"""The measures that are computed here, each in a file of its own, and how ir_measures finds them."""
