"""Code sets, peers and reports behind BENCHMARKS.md."""
