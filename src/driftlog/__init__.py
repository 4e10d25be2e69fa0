"""driftlog: monitor and maintain machine-learning models in production on the ELK stack."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from driftlog.api.client import Driftlog

__all__ = ["__version__", "connect"]


def connect(
    url: "str | list[str] | None" = None,
    *,
    api_key: "str | None" = None,
    username: "str | None" = None,
    password: "str | None" = None,
    ca_certs: "str | None" = None,
    config: "str | Path | None" = None,
    prefix: "str | None" = None,
) -> "Driftlog":
    """Results, alerts, predictions and comparisons from Python; see docs/python.md.

    Without arguments it reads what the command line reads: ``driftlog.yml`` in the working folder (or the file that
    ``DRIFTLOG_CONFIG`` names), then ``DRIFTLOG_*`` variables. Arguments win over both. Nothing is sent until the first
    question is asked.

    Parameters
    ----------
    url
        Address of Elasticsearch, or several of one cluster.
    config
        The settings file; its models' settings are used for comparisons.
    prefix
        Start of the index names.

    Raises
    ------
    UsageError
        The extra ``worker`` is not installed.
    ConfigError
        A setting cannot be used.

    >>> import driftlog
    >>> d = driftlog.connect("http://127.0.0.1:9200", prefix="driftlog")
    >>> d
    Driftlog('http://127.0.0.1:9200', prefix='driftlog')
    """
    try:
        from driftlog.api.client import open_client
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "driftlog":
            raise
        from driftlog.contract.errors import UsageError

        raise UsageError(
            f"driftlog.connect needs the Python package {error.name}, which is not installed here",
            remedy='pip install "driftlog[worker]"',
        ) from error
    return open_client(
        url, api_key=api_key, username=username, password=password, ca_certs=ca_certs, config=config, prefix=prefix
    )
