"""Parts of the pages about a model, one a file: from what was measured to HTML, with every name escaped."""
