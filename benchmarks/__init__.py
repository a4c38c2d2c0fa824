"""One script per figure quoted anywhere; run from the root of the repository: `python -m benchmarks.interpolation`."""
