"""Reads one file's text in a process of its own (knowledge/extract.py starts it): a module per family of formats."""
