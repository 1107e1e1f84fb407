"""Real servers on loopback that stand in for the outside world, with a memory of what they received."""
