"""How an archive gets its name: a draft is written beside the target, then published."""
