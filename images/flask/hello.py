"""The smallest of Flask's applications."""

from flask import Flask


def hello() -> str:
    """Say what answers."""
    return "Hello from Flask"


app = Flask(__name__)
app.add_url_rule("/", view_func=hello)
