"""Label schemas (`schema`) by name or file (`presets`), exact label map files (`io`), checks of folders (`check`)."""
