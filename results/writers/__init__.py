"""Writers: a page as Markdown, and its figures as SVG."""
