"""Writers: a page as Markdown and as HTML, and its figures as SVG."""
