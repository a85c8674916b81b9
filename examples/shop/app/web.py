"""The shop's front page."""

import flask
import yaml

app = flask.Flask(__name__)
with open("/app/settings.yaml", encoding="utf-8") as file:
    settings = yaml.load(file, Loader=yaml.FullLoader)


@app.get("/")
def front_page():
    return f"Welcome to {settings['name']}"


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8080)
