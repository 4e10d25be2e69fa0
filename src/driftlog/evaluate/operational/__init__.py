"""Throughput, latency, errors and resources."""
