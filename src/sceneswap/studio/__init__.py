"""The studio: a page that draws in the visitor's own browser. `page/` holds it, `shelf/` the photographs of its looks."""
