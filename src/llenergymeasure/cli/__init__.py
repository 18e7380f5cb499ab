"""The command line, one command per file: parse, call, print."""
