"""Speculative decoding: tokens that are proposed to the model that is measured, from the prompt or by an assistant."""
