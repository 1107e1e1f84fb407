"""Ways of replying, each a module with `respond(turn, look)`: a Reply, or None for "not mine". Asked by pipeline.py."""
