"""Side by side with the peers: ``make bench`` (epochs, rankings, start-up, memory) and ``make bench-growth``.

Every figure comes from a process of its own, at one thread, that prints its costs as one line of JSON::

    __main__      rounds of jobs -> tables            growth        sizes -> table
    works         what is compared, with the limits   table         costs -> lines
    jobs          a process of an environment -> costs
    environments  the peers' packages, from PyPI into .bench/
    clock         work -> Cost; runs in every environment
    ours          attrec-bench's epochs and rankings  footprint     start-up and memory
    peers/        one script a peer
"""
