"""``manage.py demo`` and ``manage.py traffic``."""
