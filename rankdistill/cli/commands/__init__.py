"""The commands: one file each, whose function has the name of the command."""
