"""The registry: the signals of a process and the receivers that are connected to them.

It is read only: nothing is imported, called or connected to find out.
"""
