"""Who the energy of a window was spent on: phases, engine steps, requests, tokens."""
