"""Whether results can be compared, as a pure function of them."""
