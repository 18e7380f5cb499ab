"""The server's side: how one is started, watched and ended, and what it tells of itself."""
