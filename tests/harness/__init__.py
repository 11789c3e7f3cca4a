"""What every test with a database or a broker stands on: real servers, a migrated template, two roles."""
