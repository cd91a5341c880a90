"""The demo site: ordinary Django apps that send and receive signals, which the monitor observes."""

from demo.celery import app as celery_app

__all__ = ["celery_app"]
