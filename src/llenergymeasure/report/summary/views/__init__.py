"""Views of a result beside its summary: each opens one part of it."""
