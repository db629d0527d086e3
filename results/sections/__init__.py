"""Sections of a report: one file each, data that any writer can render."""
