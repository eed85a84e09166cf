"""How a request becomes a plan: which files are meant, and what their members are called."""
