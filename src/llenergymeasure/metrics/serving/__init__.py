"""Served traffic: its steady part, requests in flight, objectives, saturation and the knee of a curve."""
