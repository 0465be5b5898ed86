"""How good a model is: figures with intervals, goals, costs, slices, and pictures made worse."""
