"""The assets: each a Config, its inputs, one call into the core, and metadata. Nothing is computed here."""
