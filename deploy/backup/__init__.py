"""Encrypted backups of an installation, and its restore on another machine: docs/backup.md.

Without Django's settings: a machine that is restored has none yet. What is written can be read by the holder of the
private key alone, who isn't on the machine.
"""
