"""Tables and the records beneath them -> one HTML page that needs nothing else, and the account of a single cell.

records -> Table -> Part, one a section -> page
"""
