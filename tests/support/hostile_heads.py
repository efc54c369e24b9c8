"""Lines, headers and paths that are broken, misleading, or made to do harm."""

import numpy as np

from support.clients import HOST
from support.hostile_requests import CLOSE, FORM_TYPE, WHOLE, Hostile, get, post, raw

NOT_HTTP = (400, 405, 421)
NOISE = np.random.default_rng(0).bytes(4000)
METHODS = (
    *("get", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "FOO"),
    *("G@T", "", "GET\0", "A" * 10_000, "\xe4"),
)
TLS = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + NOISE[:500] + b"\r\n\r\n"
SOCKET = ("Upgrade: websocket", "Sec-WebSocket-Key: a", "Sec-WebSocket-Version: 13")

ACCEPTS = (
    ("text/html", (406,)),
    ("*/*;q=0", (406,)),
    ("application/json;q=NaN", (406,)),
    ("application/json;q=-1", (406,)),
    ("application/json;q=1e999", (200,)),
    ("application/json;q=;q=1", (200, 406)),
    (";;;,,,;q", (406,)),
    ("/", (406,)),
    ("\xff/\xff", (406,)),
    (",".join(f"a/b{n}" for n in range(1400)), (406,)),
    ("*/*" + ";q=0.1" * 1500, (200,)),
    ("," * 9000, (200,)),
)

_OUT = "../../../../etc/passwd"
PATHS = (
    f"/samples/{_OUT}",
    f"/page/{_OUT}",
    f"/models/{_OUT}",
    f"/runtime/{_OUT}",
    "/samples/%2e%2e/%2e%2e/etc/passwd",
    "/page/..%2f..%2f..%2fetc%2fpasswd",
    "/page/%252e%252e%252fetc/passwd",
    "/page/..%c0%af..%c0%afetc/passwd",
    "/page/....//....//etc/passwd",
    "/page/..\\..\\etc\\passwd",
    "/page/..%5c..%5cetc%5cpasswd",
    "//etc/passwd",
    "/page//etc/passwd",
    "/page/routes.py",
    "/page/static/index.html",
    "/page/index.html%00.js",
    "/samples/0-reference%00",
    "/samples/-1-test",
    "/models/manifest.json",
    "/models/embedder.onnx",
    "/v1/../models/embedder.onnx",
    "/v2/models/%2e%2e/config",
    "/v2/models/embedder%0d%0aSet-Cookie:%20a=b",
    "/v2/models/a%0ab",
    "/livez%0d%0aSet-Cookie:%20a=b",
    "/%ff%fe",
    "/%",
    "/%zz",
    "/.git/config",
    "/.env",
    "/v1",
    "/v1/about/",
    "/v1/about;a=b",
    "/V1/ABOUT",
    "http://127.0.0.1:1/livez",
    "file:///etc/passwd",
    "*",
    "/" + "a" * 9000,
    "/" + "a/" * 4000,
)

HEADS: dict[str, Hostile] = {
    "HTTP/0.9": (lambda: b"GET /livez\r\n\r\n", NOT_HTTP),
    "HTTP/1.0 without a host": (lambda: b"GET /livez HTTP/1.0\r\n\r\n", NOT_HTTP),
    "HTTP/9.9": (lambda: b"GET /livez HTTP/9.9\r\n\r\n", NOT_HTTP),
    "HTTP/2": (lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), NOT_HTTP),
    "TLS": (lambda: TLS, NOT_HTTP),
    "SSH": (lambda: b"SSH-2.0-OpenSSH_9.9\r\n\r\n", NOT_HTTP),
    "noise": (lambda: NOISE + b"\r\n\r\n", NOT_HTTP),
    "zeros": (lambda: bytes(100_000), NOT_HTTP),
    "no host": (lambda: b"GET /livez HTTP/1.1\r\n\r\n", NOT_HTTP),
    "two hosts": (lambda: get("/livez", f"Host: {HOST}"), NOT_HTTP),
    "a third word": (lambda: b"GET /livez HTTP/1.1 more\r\n\r\n", NOT_HTTP),
    "a WebSocket": (lambda: get("/v1/about", *SOCKET), (200, 400)),
    "a clear HTTP/2": (lambda: get("/livez", "Upgrade: h2c", "HTTP2-Settings: AAMA"), (200, 400)),
    "100 kB of one header": (lambda: get("/livez", "X: " + "y" * 100_000), (200, 400, 431)),
    "10,000 headers": (lambda: get("/livez", *["X: y"] * 10_000), (200, 400, 431)),
    "a name of 9 kB": (lambda: get("/livez", "x" * 9000 + ": y"), (200, 400, 431)),
    "a name with a space": (lambda: get("/livez", "X Y: z"), (400,)),
    "a header of two lines": (lambda: get("/livez", "X: y", " z"), (200, 400)),
    "a NUL in the head": (lambda: get("/livez", "X: \0"), (400,)),
    "a CR in the head": (lambda: get("/livez", "X: y\rSet-Cookie: a=b"), (400,)),
    "no name": (lambda: get("/livez", ": y"), (400,)),
    "latin-1": (lambda: get("/v1/about", "Accept: \xff\xfe", "X-API-Key: \xe4"), (200,)),
    "to continue": (lambda: post(WHOLE, FORM_TYPE, "Expect: 100-continue"), (200,)),
    "to expect more": (lambda: post(WHOLE, FORM_TYPE, "Expect: 200-ok"), (200, 417)),
    "everything's options": (lambda: raw("OPTIONS * HTTP/1.1", CLOSE), (404, 405)),
    "a tunnel": (lambda: raw("CONNECT 127.0.0.1:22 HTTP/1.1", CLOSE), (400, 404, 405)),
    "10,000 parameters": (lambda: get("/livez?" + "a=b&" * 10_000), (200, 400)),
    "parameters that say nothing": (lambda: get("/v1/about?crop=../..&method=%00"), (200,)),
    "a form to what is read": (lambda: post(WHOLE, FORM_TYPE, path="/v1/about"), (405,)),
    **{
        f"the method {method[:9]!r}": (
            lambda method=method: raw(f"{method} /v1/about HTTP/1.1", CLOSE, length=""),
            (400, 404, 405),
        )
        for method in METHODS
    },
    **{
        f"Accept: {accept[:20]}": (
            lambda accept=accept: post(WHOLE, FORM_TYPE, f"Accept: {accept}"),
            statuses,
        )
        for accept, statuses in ACCEPTS
    },
    **{f"the path {path[:40]}": (lambda path=path: get(path), (400, 404)) for path in PATHS},
}
