"""docs/deploy.md, walked: every command on the page, run as it stands there, to the first confirmed onion payout;
then what docs/backup.md has done before the first real money, to a restore for practice.

`test_walk` starts `walk` in namespaces of its own (mounts, processes, network), on a copy of this machine's root that
is thrown away. What stands in for what a Pi has and this machine hasn't:

- `systemctl` (there is no systemd running): `units`, which starts what the installed unit files say, with their users,
  environments, credentials, networks, read-only root and private /tmp. Not tried so: timers, system call filters,
  address families, memory limits; `systemd-analyze` reads those in `tests/deploy/systemd`.
- `apt-get`: looks whether each package it is asked for is installed here. The locked packages: this test's own.
- the Tor network: a private one on loopback, by one file in /etc/lucid/tor.d.
- TRON's Nile: a devnet behind two onion services, whose USDT lives at Nile's address.
- people: `people` does in the back office, over its onion, what the page asks people to do. The editor writes the
  page's four lines.
"""
