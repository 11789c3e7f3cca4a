"""Work and what is paid for it: what Blockchain Core reports."""
