"""Where the treasury's key is used, and nowhere else: key file, signer, journal, caps, desk."""
