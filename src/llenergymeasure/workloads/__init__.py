"""Where the prompts of an experiment come from."""
