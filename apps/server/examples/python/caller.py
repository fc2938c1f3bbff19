from functools import wraps
from typing import NamedTuple, Optional

from flask import abort, current_app, g, request


class Caller(NamedTuple):
    """The signed-in user. `external_id` is None where the sign-in service knows none."""

    user_id: str
    session_id: str
    appid: str
    external_id: Optional[str]


def require_caller(view):
    """Lets a request through when it says who sent it: `g.caller`.

    nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else
    can reach this port.
    """

    @wraps(view)
    def guarded(*args, **kwargs):
        user_id = request.headers.get("X-Auth-User-Id")
        if user_id is None:
            # Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
            current_app.logger.error("a request without X-Auth-User-Id: it did not come through the proxy")
            abort(500)
        g.caller = Caller(
            user_id,
            request.headers["X-Auth-Session-Id"],
            request.headers["X-Auth-Appid"],
            request.headers.get("X-Auth-External-Id"),
        )
        return view(*args, **kwargs)

    return guarded
