"""Regular expressions that administrators write, in Google's RE2."""
