"""The mistakes, one module per family."""
