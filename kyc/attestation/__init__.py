"""The compliance authority's signature under what it attests of a node: keys, documents, and their one verification.

`keys`, `claims`, `verification` and `signing` know no Django: the signer and an offline machine use them too.
"""
