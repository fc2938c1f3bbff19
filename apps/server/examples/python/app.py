from flask import Flask, g, jsonify

from caller import require_caller

app = Flask(__name__)


@app.get("/api/orders")
@require_caller
def orders():
    """The orders of whoever asks."""
    return jsonify(ordersOf=g.caller.user_id, appid=g.caller.appid)
