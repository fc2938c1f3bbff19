"""The sign-in service for a backend that asks it directly: one call of its API, and a guard with a short cache."""

import hashlib
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from functools import wraps

from flask import abort, g, request

SERVICE = os.environ["SERVICE_URL"] + "/service/v1"
TOKEN = os.environ["SERVICE_TOKEN"]
# How long a session that was ended may still be let in here. 0 asks for every request.
CACHE_SECONDS = float(os.environ.get("INTROSPECTION_CACHE_SECONDS", "5"))
MAX_CACHED = 10_000


def call(method, path, body=None):
    """Calls the service API: the status and the body. Ends the request with 503 when the service does not answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"}
    try:
        try:
            answer = urllib.request.urlopen(urllib.request.Request(SERVICE + path, data, headers, method=method), timeout=3)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
        body = json.loads(text) if text else None
    except (OSError, ValueError):
        abort(503)
    if answer.status >= 500:
        abort(503)
    return answer.status, body


def require_caller(view):
    """Lets a request through when its token is that of a live session: `g.caller` is the answer of the service."""

    @wraps(view)
    def guarded(*args, **kwargs):
        bearer = re.fullmatch(r"bearer +(\S{1,1000})", request.headers.get("Authorization", ""), re.IGNORECASE)
        g.caller = introspect(bearer[1]) if bearer else None
        if g.caller is None:
            # The phone asks the sign-in service why, and signs in again if that makes sense.
            abort(401)
        return view(*args, **kwargs)

    return guarded


_cache = {}
_lock = threading.Lock()


def introspect(token):
    """Whose token it is, or None. Only "yes" is remembered, and under a digest: a token is a secret."""
    key = hashlib.sha256(token.encode()).digest()
    now = time.monotonic()
    with _lock:
        known = _cache.get(key)
        if known and known[0] > now:
            return known[1]
    status, answer = call("POST", "/introspect", {"token": token})
    if status != 200 or not isinstance(answer.get("active"), bool):
        # The service did not accept us: nothing is known about the session.
        abort(503)
    caller = answer if answer["active"] else None
    with _lock:
        _cache.pop(key, None)
        if caller:
            if len(_cache) >= MAX_CACHED:
                _cache.pop(next(iter(_cache)))
            _cache[key] = (now + CACHE_SECONDS, caller)
    return caller
