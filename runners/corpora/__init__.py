"""Where text comes from, and how it becomes one ordered stream of rows."""
