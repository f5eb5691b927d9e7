"""Trial flows trained on their residual, and comparisons of how to train them."""
