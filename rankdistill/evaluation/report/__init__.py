"""What people look at: leaderboards in the terminal, as files and as a page, and checks of runs and qrels."""
