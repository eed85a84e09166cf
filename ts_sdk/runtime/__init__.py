"""Where an archive's handler runs: in this process, or in one of its own."""
