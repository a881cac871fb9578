"""The diagram of a workflow: its layers, edges and parts, as SVG."""
