"""Finding the passages of articles that a reply may stand on."""
