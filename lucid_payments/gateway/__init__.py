"""The one door: HAProxy's configuration, generated from the settings and from everybody whose tokens are believed."""
