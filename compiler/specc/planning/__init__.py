"""From maps to steps, and from a graph to classes: every decision about the generated code."""
