"""Plugins of Logstash 9's default distribution that the pipelines use, and every option each has.

Options that were removed in Logstash 9 (``ssl``, ``ssl_enable``, ``cacert``...) are not in it, so they are refused.
"""

from __future__ import annotations

from typing import Final

_EVERY: Final = {"id", "enable_metric"}
_INPUT: Final = _EVERY | {"add_field", "codec", "tags", "type"}
_FILTER: Final = _EVERY | {"add_field", "add_tag", "periodic_flush", "remove_field", "remove_tag"}
_OUTPUT: Final = _EVERY | {"codec", "workers"}
_TLS: Final = {
    "ssl_enabled", "ssl_certificate", "ssl_key", "ssl_key_passphrase", "ssl_certificate_authorities",
    "ssl_client_authentication", "ssl_supported_protocols", "ssl_cipher_suites",
}  # fmt: skip
_STORES: Final = {
    "ssl_keystore_path", "ssl_keystore_type", "ssl_keystore_password", "ssl_truststore_path", "ssl_truststore_type",
    "ssl_truststore_password",
}  # fmt: skip

OPTIONS: Final[dict[tuple[str, str], set[str]]] = {
    ("input", "http"): _INPUT | _TLS | _STORES | {
        "host", "port", "user", "password", "ssl_handshake_timeout", "additional_codecs", "response_headers",
        "remote_host_target_field", "request_headers_target_field", "threads", "max_pending_requests",
        "max_content_length", "response_code", "ecs_compatibility",
    },
    ("input", "tcp"): _INPUT | _TLS | {
        "host", "port", "mode", "proxy_protocol", "ssl_verification_mode", "ssl_extra_chain_certs", "tcp_keep_alive",
        "dns_reverse_lookup_enabled", "ecs_compatibility",
    },
    ("input", "beats"): _INPUT | _TLS | {
        "host", "port", "include_codec_tag", "ssl_handshake_timeout", "client_inactivity_timeout", "executor_threads",
        "event_loop_threads", "add_hostname", "enrich", "ecs_compatibility",
    },
    ("input", "file"): _INPUT | {
        "path", "exclude", "stat_interval", "discover_interval", "sincedb_path", "sincedb_write_interval",
        "start_position", "delimiter", "ignore_older", "close_older", "max_open_files", "mode",
        "file_completed_action", "file_completed_log_path", "sincedb_clean_after", "file_chunk_size",
        "file_chunk_count", "file_sort_by", "file_sort_direction", "exit_after_read", "check_archive_validity",
        "ecs_compatibility",
    },
    ("input", "dead_letter_queue"): _INPUT | {
        "clean_consumed", "path", "pipeline_id", "sincedb_path", "commit_offsets", "start_timestamp",
    },
    ("filter", "ruby"): _FILTER | {
        "init", "code", "path", "script_params", "tag_on_exception", "tag_with_exception_message",
    },
    ("filter", "mutate"): _FILTER | {
        "convert", "copy", "gsub", "join", "lowercase", "merge", "coerce", "rename", "replace", "split", "strip",
        "update", "uppercase", "capitalize", "tag_on_failure",
    },
    ("output", "elasticsearch"): _OUTPUT | (_TLS - {"ssl_key_passphrase", "ssl_client_authentication"}) | _STORES | {
        "action", "api_key", "bulk_path", "ca_trusted_fingerprint", "cloud_auth", "cloud_id", "compression_level",
        "custom_headers", "data_stream", "data_stream_auto_routing", "data_stream_dataset", "data_stream_namespace",
        "data_stream_sync_fields", "data_stream_type", "dlq_custom_codes", "dlq_on_failed_indexname_interpolation",
        "doc_as_upsert", "document_id", "document_type", "drop_error_types", "ecs_compatibility", "healthcheck_path",
        "hosts", "ilm_enabled", "ilm_pattern", "ilm_policy", "ilm_rollover_alias", "index", "join_field",
        "manage_template", "parameters", "parent", "password", "path", "pipeline", "pool_max", "pool_max_per_route",
        "proxy", "resurrect_delay", "retry_initial_interval", "retry_max_interval", "retry_on_conflict", "routing",
        "script", "script_lang", "script_type", "script_var_name", "scripted_upsert", "silence_errors_in_log",
        "sniffing", "sniffing_delay", "sniffing_path", "ssl_verification_mode", "template", "template_api",
        "template_name", "template_overwrite", "timeout", "upsert", "user", "validate_after_inactivity", "version",
        "version_type",
    },
    ("output", "file"): _OUTPUT | {
        "path", "flush_interval", "gzip", "filename_failure", "create_if_deleted", "dir_mode", "file_mode",
        "write_behavior", "stale_cleanup_interval",
    },
    ("codec", "plain"): {"charset", "format", "ecs_compatibility"},
    ("codec", "line"): {"charset", "format", "delimiter", "ecs_compatibility"},
    ("codec", "json_lines"): {"charset", "delimiter", "decode_size_limit_bytes", "ecs_compatibility", "target"},
}  # fmt: skip

CHOICES: Final[dict[str, set[object]]] = {
    "mode": {"tail", "read", "server", "client"},
    "start_position": {"beginning", "end"},
    "file_completed_action": {"log", "log_and_delete", "delete"},
    "ssl_verification_mode": {"full", "none"},
    "data_stream": {"true", "false", "auto"},
    "action": {"create"},
    "ecs_compatibility": {"disabled", "v1", "v8"},
    "charset": {"UTF-8", "ISO-8859-1"},
}
"""Options with a closed set of values."""
