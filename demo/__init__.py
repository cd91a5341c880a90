"""The demo site: ordinary Django apps that send and receive signals, for the monitor to watch."""
