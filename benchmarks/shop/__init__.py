"""A Django app to be measured: a model, three receivers of its post_save, and a view that saves twenty rows."""
