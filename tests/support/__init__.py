"""What tests of several packages share: a collector of spans and metrics, real servers, and a browser."""
