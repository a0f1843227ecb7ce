"""One script a peer: ``python -m tests.benchmarks.peers.NAME FOLDER ...`` in the peer's environment."""
