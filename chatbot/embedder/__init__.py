"""The local embedder: a small HTTP server of its own around a model that fits into 72 MB, without the rest of the product.

server.py speaks OpenAI's protocol and answers questions itself, passages.py has passages embedded by another process,
model.py is the only one that knows whose model it is. `python embedder.py --listen var/embedder.sock` starts it.
"""
