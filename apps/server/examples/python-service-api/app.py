"""A shop with accounts and passwords of its own, whose users also come from a mini-program."""

import os

from flask import Flask, abort, g, jsonify, request

from service import call, require_caller

app = Flask(__name__)
APPID = os.environ["APPID"]
# Yours are in a database, with hashed passwords.
PASSWORDS = {"xiaoming": "correct horse"}


@app.post("/login")
def login():
    """Sign-in by password. The phone calls `auth.loginWith({ url, data })`, and keeps what is answered."""
    name, password = request.json["name"], request.json["password"]
    if PASSWORDS.get(name) != password:
        abort(403)
    status, found = call("POST", "/users/find", {"externalId": name})
    if status == 404:
        status, found = call("POST", "/users", {"externalId": name})
    if status == 409:  # Another request of the same person was faster.
        status, found = call("POST", "/users/find", {"externalId": name})
    status, session = call("POST", "/users/" + found["user"]["id"] + "/sessions", {"appid": APPID})
    return session, status


@app.get("/orders")
@require_caller
def orders():
    """The orders of whoever asks."""
    return jsonify(ordersOf=g.caller["sub"], externalId=g.caller.get("external_id"))


@app.post("/link")
@require_caller
def link():
    """Gives the account the WeChat identity of the phone: `code` is from `wx.login`."""
    body = {"appid": APPID, "code": request.json["code"]}
    status, problem = call("POST", "/users/" + g.caller["sub"] + "/identities", body)
    return (problem, status) if status >= 400 else ("", 204)


@app.post("/pay")
@require_caller
def pay():
    """WeChat Pay asks for the openid. It stays on the server."""
    _, found = call("GET", "/users/" + g.caller["sub"] + "/identities")
    openids = [one["openid"] for one in found["identities"] if one["appid"] == APPID]
    if not openids:
        abort(409)
    return jsonify(prepared=prepay(openids[0]))


@app.post("/admin/kick/<name>")
def kick(name):
    """Ends all sessions of a user. Only your own staff may reach this."""
    user_id = find(name)
    return call("DELETE", "/users/" + user_id + "/sessions")[1]


@app.post("/admin/erase/<name>")
def erase(name):
    """Erases a user for ever. Only your own staff may reach this."""
    call("DELETE", "/users/" + find(name))
    return "", 204


def find(name):
    status, found = call("POST", "/users/find", {"externalId": name})
    if status != 200:
        abort(404)
    return found["user"]["id"]


def prepay(openid):
    """Stands for the call of WeChat Pay."""
    return len(openid) > 0
