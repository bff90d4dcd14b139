"""Every way in: HTTP, the command line, importers; `wiring` alone knows what they stand on."""
