"""Published numbers as data, one YAML a source, and whether one of ours may be compared with them."""
