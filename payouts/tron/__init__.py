"""TRON without Django: addresses, byte-level encoding, networks, node pool, fees, signing, watcher."""
