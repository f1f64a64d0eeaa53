"""From syntax trees to a typed graph: names, sizes, parameters' paths, types."""
