"""driftlog: monitor and maintain machine-learning models in production on the ELK stack."""

__version__ = "0.1.0"
