"""The doors: a module per group of endpoints. They read requests, ask the parts below, and write answers."""
