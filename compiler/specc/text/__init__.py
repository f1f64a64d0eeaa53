"""From a text to its syntax trees, and what to say where the text is none."""
