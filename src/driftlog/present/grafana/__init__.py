"""Grafana: data sources, dashboards and alert rules, built by code and provisioned as files."""
