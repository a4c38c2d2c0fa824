"""Label schemas (`schema`), exact label map files (`io`) and the checks of whole folders (`check`)."""
