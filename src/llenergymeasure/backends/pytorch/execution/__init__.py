"""How batches are computed, beside what they are: seeds, compilation."""
