"""The installation's onion services, for its operator: their addresses, who may reach the fenced ones, and Tor's state.

`services` reads and changes tor's own state folder, `client_keys` are what is written there, `socks` asks tor,
`forward` brings tor's socket to programs that know only a host and a port. tor itself is set up by `deploy/tor`.
"""
