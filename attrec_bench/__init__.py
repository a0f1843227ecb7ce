"""Sequential recommendation benchmarks under one protocol: AttRec beside BPR-MF, Caser and other baselines."""

__version__ = "0.1.0"
