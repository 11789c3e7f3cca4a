"""Wallets of users and nodes: `of_user`, `of_node` answer what counts now; everything else changes it."""

from kyc.wallets.current import of_node, of_nodes, of_user, of_users

__all__ = ["of_node", "of_nodes", "of_user", "of_users"]
