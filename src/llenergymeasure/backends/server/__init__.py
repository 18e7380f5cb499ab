"""The `server` backend: any OpenAI-compatible endpoint, running already or started and stopped by us."""
