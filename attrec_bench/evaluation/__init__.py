"""Model -> scores -> ranks -> metrics."""
