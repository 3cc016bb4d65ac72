"""OpenAPI 2 and 3: documents read into a REST API's definition, and written from a deployed one. Pure functions."""
