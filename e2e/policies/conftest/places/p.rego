package main

deny contains {"msg": "here", "_loc": {"file": "deploy.yaml", "line": 7}} if input.kind

deny contains {"msg": "no line", "_loc": {"file": "a: b, c.yaml"}} if input.kind

warn contains {"msg": "only a line", "_loc": {"line": 9}} if input.kind

warn contains {"msg": "no place", "_loc": "x", "set": {3, 1}, "n": null} if input.kind
