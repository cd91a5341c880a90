"""The demo site: ordinary Django apps that send and receive signals, for the monitor to watch."""

from demo.celery import app as celery_app

__all__ = ["celery_app"]
