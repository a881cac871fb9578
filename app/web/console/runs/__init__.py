"""The pages of runs: the list, one run with its timeline and inspector, replays."""
