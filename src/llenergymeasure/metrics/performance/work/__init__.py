"""The work of requests: floating-point operations and bytes, in prefill and in decoding."""
