"""How one measurement is taken: baseline, warm-up, window, repeats."""
