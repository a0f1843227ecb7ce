"""What each verb says of itself."""

HELP = """\
attrec-bench: sequential recommendation models under one protocol

  attrec-bench run dataset=ml-100k model=attrec seed=0      train, test and record one model; run --help for all keys
  attrec-bench run -m dataset=ml-100k model=popularity,bprmf,caser,attrec seed=0,1,2,3,4
  attrec-bench sweep dataset=ml-100k model=attrec,bprmf n_trials=40    tune each on validation, test the best
  attrec-bench table dataset=ml-100k                        comparison table of the recorded runs
  attrec-bench report dataset=ml-100k out=report.html       the table with its curves and runs, in one HTML file
  attrec-bench why dataset=ml-100k model=attrec metric=HR@10    what stands behind one value of the table
  attrec-bench recommend run=ID user=42 k=10                what a recorded model recommends, and why
  attrec-bench explain run=ID                               how far each choice of the protocol moves its figures
  attrec-bench export run=ID out=bundle.zip                 a run that others can check: attrec-bench verify bundle.zip
  attrec-bench data ml-100k                                 fetch, check and describe a data set
  attrec-bench data audit ml-100k                           ties, repeats, recall ceiling: what a figure on it is worth
  attrec-bench doctor                                       versions, data, stores, device: what is wrong and what to do

Each verb explains itself: attrec-bench VERB --help. dataset=planted needs no data and no network.
"""

TABLE_HELP = """\
attrec-bench table [KEY=VALUE ...]: comparison tables of the recorded runs, one for each data set and protocol

  dataset=ml-100k model=attrec,bprmf       only these; any key of the records works: protocol.tie_order=file model.w=0.2
  dataset=amazon-beauty,amazon-toys        one table of several data sets, each with statistics of its own
  metrics=HR@10,NDCG@10,MRR                columns
  against=caser                            the baseline of all comparisons, a row; unless said the strongest one
  ours=mine                                whose line "Improv." it is; unless said that of the best of your models
  test=sign-flip|wilcoxon                  paired test over users; Holm's correction over each table
  format=terminal|markdown|latex|csv|csv-wide|html    terminal unless said
  tuned=true                               only the winners of sweeps, with what their search has cost
  published=false                          without the column and the notes of published values
  notes=full|short                         short, for a paper: protocol, marks and cautions; full unless said
  names=bprmf:BPR-MF,mine:Ours             what models, rows and data sets are called; LaTeX and HTML know usual names
  out=FILE                                 write there and not to the terminal
  runs=FOLDER                              folder of the records (runs, or $ATTREC_BENCH_RUNS)
"""

REPORT_HELP = """\
attrec-bench report [KEY=VALUE ...] [out=report.html]: one HTML file that needs no network: the table (sortable), under
each value its runs, differences with intervals, HR@k, learning curves, curves over w, L, d, sweeps, attention

  dataset=ml-100k model=attrec,bprmf       only these; any key of the records works, as in `table`
  metrics=HR@10,NDCG@10,MRR                columns
  against=caser  ours=mine  test=wilcoxon  tuned=true  published=false  notes=short    as in `table`
  storage=FILE                             where the studies of sweeps lie, if not in the runs folder
  dataset.path=FILE                        where the runs' data lie now, if not where they lay (for the attention)
  out=FILE                                 report.html unless said
  runs=FOLDER                              folder of the records (runs, or $ATTREC_BENCH_RUNS)
A section that has nothing to show is left out, and a line at the end says what would fill it.
"""

WHY_HELP = """\
attrec-bench why [KEY=VALUE ...] metric=HR@10: what stands behind one value of the table: interval, difference from the
baseline, and its runs with seed, commit, what differs from the YAML files, and the command that repeats each

  dataset=ml-100k model=attrec model.w=0.2    keys of the records that lead to one row, as in `table`
  row="attrec (w=0.2)"                        or the row as the table calls it
  metric=HR@10                                the column
  metrics=HR@10,MRR                           the columns of the table, as there: p is corrected over all of them
  against=caser                               the baseline, as in `table`
  runs=FOLDER                                 folder of the records (runs, or $ATTREC_BENCH_RUNS)
"""

RECOMMEND_HELP = """\
attrec-bench recommend run=ID user=USER [k=10] [runs=FOLDER]: the k items that a recorded model ranks first

  run=ID              the start of a run's identity, as `run` prints it
  user=USER           the user's original id; for all users at once: attrec-bench export run=ID out=lists.tsv k=10
  history=known       look back on what stands before the test, as the test did: the test event is held out and may
                      be listed; history=all: on all the user's events, for what to show today. Nothing is trained anew
  dataset.path=FILE   where the run's data lie now, if not where they lay
  dataset.titles=FILE what the items are called: a csv of an item's id and its title
  trust=PKG.CLASS     the run's model is this class of yours or of somebody else, whose code may be run
The window's items are shown with the attention they receive, where the model has attention.
"""

EXPLAIN_HELP = """\
attrec-bench explain run=ID[,ID2,...] [runs=FOLDER]: a recorded model scored again, one choice of the protocol changed
at a time: how far each moves every metric, and, for several runs, where their order flips

  run=ID              the start of a run's identity, as `run` prints it
  metrics=HR@10,MRR   columns
  dataset.path=FILE   where the runs' data lie now, if not where they lay
  trust=PKG.CLASS     a run's model is this class of yours or of somebody else, whose code may be run
Nothing is trained: under another tie order too it is the model that was trained under the recorded one.
"""

EXPORT_HELP = """\
attrec-bench export run=ID out=FILE [k=50] [runs=FOLDER]: a recorded run as one file

  out=bundle.zip      configuration, ranks, weights, the data's sum, each user's k best items; for attrec-bench verify
  out=lists.tsv       only the k best items of each user: user_id, item_id, score; where scores tie at the end of a
                      list, as those of models that count do, HR@k cannot be counted from it (README, protocol)
  history=known|all   what lists look back on: what stands before the test, or all events, for what to show today
  titles=true         lists end with a column of the items' titles
  dataset.path=FILE   where the run's data lie now, if not where they lay
  dataset.titles=FILE what the items are called, if not what the run's own file says: then titles=true
  trust=PKG.CLASS     the run's model is this class of yours or of somebody else, whose code may be run
"""

VERIFY_HELP = """\
attrec-bench verify bundle.zip: check an exported run; the exit code is 1, and one line names it, for a mismatch

Sums and every test metric are checked always; where the run's data are on this machine, its weights are scored again:
every rank, every list and every validation metric must come out. Not checked, since nothing in a bundle tells them: the
history of the training, its times and, of a model that was trained again (protocol.refit), what it had on validation.
  dataset.path=FILE   where the run's data lie here
  trust=PKG.CLASS     the run's model is this class of yours or of somebody else, whose code may be run
"""

DOCTOR_HELP = """\
attrec-bench doctor [runs=FOLDER]: look at versions, data, records, stores, device and disk, and say what to do

The exit code is 1 where something is broken. Nothing is changed.
"""

DATA_HELP = """\
attrec-bench data [audit] NAME [KEY=VALUE ...]: fetch, check and describe a data set, or audit it under a protocol

  attrec-bench data ml-100k                      looked for in $ATTREC_BENCH_DATA/ml-100k, the cache, then downloaded
  attrec-bench data csv dataset.path=my.csv      a file of your own; also inter (RecBole), sequences and pairs; their
                                                 keys: attrec-bench run --help dataset=csv; docs/add_data.md
  attrec-bench data ml-1m dataset.k_core=5       also min_rating, min_user_events, min_item_events, duplicates=exact
  attrec-bench data audit ml-100k protocol.tie_order=item    undefined order, repeats, recall ceiling, leaks
"""
