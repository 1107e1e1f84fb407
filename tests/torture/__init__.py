"""A whole installation under kills, faults and people at once, until the checker has the last word: scripts/torture."""
