"""Data: raw file -> Interactions -> Split. Knows nothing of models, of torch or of the configuration.

interactions.py  who met which item when             locate.py    name -> file on this machine -> Interactions
columns.py       bytes of a file -> typed columns    truth.py     the process behind planted data, in closed form
sources.py       a published file -> Interactions    planted.py   data drawn from it
download.py      URL and sha256 -> file              splits.py    Interactions -> Split
describe.py      Interactions -> what it holds, in words
"""
