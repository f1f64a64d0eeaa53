"""Independent truths to hold the compiler against; nothing here imports it."""
