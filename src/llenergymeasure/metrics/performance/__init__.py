"""Requests and work: latency, FLOPs, what limits the speed."""
