"""Groups, diagrams and all the maps they allow; which weights of a model move together."""
