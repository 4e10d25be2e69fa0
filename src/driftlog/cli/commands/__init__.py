"""One file a command or group of commands; each imports what it needs when it runs."""
