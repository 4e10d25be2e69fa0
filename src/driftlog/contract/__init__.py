"""Every type that crosses rooms: events, windows, binnings, profiles, measurements, alerts, settings, errors, names."""
