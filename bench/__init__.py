"""How fast, how large, how dear: the product beside the naive way and beside what this machine can do at all.

`make bench` runs everything and writes docs/benchmarks.md. Each scene is a process of its own on a fresh database;
its methods run in turn, and what is told are medians. No product code imports this.
"""
