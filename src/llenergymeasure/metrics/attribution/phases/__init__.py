"""The energy of the windows split into prefill, decode and rest."""
