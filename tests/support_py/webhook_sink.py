"""An HTTP receiver that checks signatures with the public standardwebhooks library.

Argument: the whsec_ secret of the test. Prints its port on the first line, then one JSON object
per request: verified or not, and what was in it.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

CHECK = Webhook(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            payload = CHECK.verify(body, dict(self.headers.items()))
            seen = {"verified": True, "payload": payload, "id": self.headers["webhook-id"]}
        except WebhookVerificationError as why:
            seen = {"verified": False, "why": str(why)}
        print(json.dumps(seen), flush=True)
        self.send_response(204 if seen["verified"] else 400)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
