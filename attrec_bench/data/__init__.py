"""Data: raw file -> Interactions -> Split. Knows nothing of models, of torch or of the configuration.

interactions.py  who met which item when             locate.py    name -> file on this machine -> Interactions
reading.py       what every source shares            download.py  URL and sha256 -> file
columns.py       bytes of a file -> typed columns    filters.py   which events count: k-core and the like
sources.py       a separated file -> Interactions    truth.py     the process behind planted data, in closed form
reviews.py       Amazon's JSON lines -> the same     planted.py   data drawn from it
sequences.py     one user a line -> the same         splits.py    Interactions -> Split
cells.py         one cell -> an id or a number       times.py     cells of a column -> times in one unit
audit.py         data and split -> what can be trusted about a result on them
describe.py      Interactions -> what it holds, in words
"""
