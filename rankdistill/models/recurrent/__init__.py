"""Small students that transformers does not have: recurrent networks, and a transformer read at all its layers."""
