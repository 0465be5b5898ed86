"""The pages around the login as HTML: the look of `page.css`, light and dark as the system asks, no script at all."""

from __future__ import annotations

from html import escape

_STYLE = """
:root{color-scheme:light dark;--ground:#f5f6f8;--surface:#fff;--ink:#151a21;--dim:#5d6878;--line:#c9d0d9;
--accent:#0b6e6a;--on:#fff;--bad:#c02626;--bad-soft:#fbe7e7}
@media(prefers-color-scheme:dark){:root{--ground:#0e1217;--surface:#161c24;--ink:#e7ecf3;--dim:#93a0b2;--line:#3a4553;
--accent:#4fd1c5;--on:#0e1217;--bad:#ff8585;--bad-soft:#3b1b1e}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:380px;background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:24px}
h1{font-size:20px;letter-spacing:-.015em;margin:0 0 4px}p{margin:0 0 14px;color:var(--dim)}
label{display:block;margin:0 0 14px;font-weight:500}
input{display:block;width:100%;margin-top:4px;padding:9px 11px;font:inherit;color:inherit;background:var(--ground);
border:1px solid var(--line);border-radius:7px}
button{width:100%;padding:10px;border:0;border-radius:7px;font:inherit;font-weight:600;cursor:pointer;
background:var(--accent);color:var(--on)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}a{color:var(--accent)}
.wrong{border-left:3px solid var(--bad);background:var(--bad-soft);color:var(--ink);padding:8px 12px;
border-radius:0 8px 8px 0}
code{font:13px ui-monospace,Menlo,monospace;overflow-wrap:anywhere}
"""


def login_form(wanted: str, *, wrong: str = "", has_users: bool = True) -> str:
    """Name and password; `wanted` is the path to go on to."""
    if not has_users:
        words = "This server has no users yet. Where it runs:"
        return _page(
            "Log in", f"<p>{words}</p><p><code>edgeferry fleet user add NAME --role admin --store …</code></p>"
        )
    return _page(
        "Log in",
        f"{_wrong(wrong)}<form method=post action=/login>"
        f'<input type=hidden name=next value="{escape(wanted)}">'
        "<label>Name<input name=name required autofocus autocomplete=username autocapitalize=none spellcheck=false"
        " maxlength=63></label>"
        "<label>Password<input name=password type=password required autocomplete=current-password"
        " maxlength=1024></label>"
        "<button>Log in</button></form>",
    )


def logout_form() -> str:
    """One button."""
    return _page(
        "Log out",
        "<p>Pages that are open in this browser close too.</p><form method=post action=/logout>"
        "<button autofocus>Log out</button></form>"
        "<p></p><p><a href=/>Stay</a> · <a href=/password>Change the password</a></p>",
    )


def change_form(*, wrong: str = "", must: bool = False) -> str:
    """The present password and a new one, twice."""
    words = "Choose a password of your own first." if must else "Every other session of yours ends."
    fields = (
        ("old", "Present password", "current-password"),
        ("new", "New password", "new-password"),
        ("again", "New password again", "new-password"),
    )
    inputs = "".join(
        f"<label>{label}<input name={name} type=password required autocomplete={kind} maxlength=1024></label>"
        for name, label, kind in fields
    )
    return _page(
        "Change the password",
        f"<p>{words} At least 12 characters.</p>{_wrong(wrong)}<form method=post action=/password>{inputs}"
        "<button>Change it</button></form>",
    )


def _wrong(words: str) -> str:
    return f"<p class=wrong role=alert data-testid=wrong>{escape(words)}</p>" if words else ""


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{title} · edgeferry</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
