"""Everything that the service stands on: settings, clock, codec, PostgreSQL, log, projector."""
