"""Sweeps: an Optuna study in its storage, workers that come and go, and a ledger of what the search has cost.

overrides -> Sweep -> Study with its slots <-> workers -> the winner's runs -> Ledger
"""

HELP = """\
attrec-bench sweep [KEY=VALUE ...]: search a model's settings on validation, then train and test the best on fresh seeds

  attrec-bench sweep dataset=ml-100k model=attrec n_trials=40             search space: sweeps/attrec.yaml
  attrec-bench sweep dataset=ml-100k model=attrec,bprmf,caser n_trials=40 the same budget for each
  attrec-bench table dataset=ml-100k tuned=true                           the winners, with what their search has cost

  n_trials=40          trials that count, in all; typed again, a sweep goes on to its total or says that nothing is left
  workers=1            processes on this machine; the same command typed elsewhere adds more to the same study
  hydra/launcher=NAME  start the workers through a launcher of Hydra, e.g. submitit_slurm on a cluster
  storage=FILE         or postgresql://user@host/database; by default a journal in the runs folder
  final_seeds=5        fresh seeds for the winner: 0, 1, ...
  sweep.seeds=2        seeds over which a trial's value is averaged; the search never sees the winner's
  sweep.prune=true     end a trial that is worse than the median after as many epochs
                       (a model that is fitted in one go has none; where the seed changes nothing, one seed is enough)
  sweep.space=FILE     another search space          sweep.name=NAME   another study
  sweep.seed=0  sweep.max_failed=20  sweep.heartbeat=10

All keys of `attrec-bench run` work as well, except seed and what is swept. A trial may be killed at any moment: it is
repeated, and with one worker the search goes where it would have gone. optuna-dashboard RUNS/.sweeps/studies.journal
shows the studies. The exit code is 1 if a trial has failed by itself or anything is missing.
"""
