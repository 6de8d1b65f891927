"""A made-up library of any size, the same for the same seed: to measure with, and to look at a full house."""
