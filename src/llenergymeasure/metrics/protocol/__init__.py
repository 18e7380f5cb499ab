"""How the run went: warm-up, steady state, cool-down, conditions."""
