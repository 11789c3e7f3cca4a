"""`python -m payouts.devnet`: the same as `manage.py devnet`, without loading Django."""

import argparse

from payouts.devnet.server import add_arguments, options_from, serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="devnet", description="A TRON test node with USDT and faults.")
    add_arguments(parser)
    serve(options_from(vars(parser.parse_args())))
