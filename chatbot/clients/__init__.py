"""One module per neighbour on the network: each is the only one that knows how to talk to it."""
