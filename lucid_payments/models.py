"""No models: Django tells the end of `migrate` only to apps that have this module, and the clock and the
roles' rights (`privileges.after_migrate`) wait for that."""
