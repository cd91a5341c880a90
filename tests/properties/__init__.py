"""Random programs of signals, run on Django's own ``Signal`` and on the observed one side by side."""
