"""The command line of differential privacy: `nlp-deid dp count | sum | mean | ...`."""
