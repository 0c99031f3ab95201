"""Benchmarks. Each prints a table, with ratios against peers in the same run; `docs/benchmarks.md` has the figures."""
