"""Files of scores and orders in other tools' forms, each with a reader of its own, recognised by content."""
