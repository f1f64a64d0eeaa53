"""Pictures of a model: in a terminal, for graphviz, for mermaid; and its graph as data."""

from .data import GraphData, graph_data
from .dot import dot
from .mermaid import mermaid
from .picture import Picture, picture
from .terminal import draw

__all__ = ["GraphData", "Picture", "dot", "draw", "graph_data", "mermaid", "picture"]
