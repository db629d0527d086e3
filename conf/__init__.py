"""Configuration files, as package data: see config.yaml."""
