#!/usr/bin/env python3
"""Django's command line for Lucid Payments."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["attestation"] and sys.argv[2:3] in (["key"], ["sign"]):
        # The authority's machine has no database and none of our settings, and none are read there.
        from kyc.attestation import offline

        sys.exit(offline.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lucid_payments.settings")
    # What a command counts is nobody's figure, and its file in web's folder would be of whoever ran it.
    from prometheus_client import values

    values.ValueClass = values.MutexValue
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A sentence that names the variable; a traceback would bury it.
        sys.exit(f"The settings can't be used. {error}")


if __name__ == "__main__":
    main()
