"""What the weights of a model of other pictures are worth."""
