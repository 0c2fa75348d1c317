"""The extension API: what a site's own Python code uses. `backstay.app.Backstay` puts it together."""
