"""Backups: one encrypted bundle a night, proved from that very file before it counts, and the way back from it.

making.py is the map of a backup, restoring.py that of a restore; both use proof.py. docs/appliance.md has the contract.
"""
