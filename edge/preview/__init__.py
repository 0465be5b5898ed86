"""The live preview: what the model sees, in a browser, served by the device itself.

`preview.py` joins the parts, `feed.py` turns the latest frame into a JPEG on a thread of its own, `web.py` is the HTTP
server, and `page.html`, `page.css` and `page.js` are the page. Nothing is copied or encoded while nobody watches.
"""

from __future__ import annotations

from edge.preview.preview import Left, Preview

__all__ = ["Left", "Preview"]
