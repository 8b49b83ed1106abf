"""What the checks share: the unmodified official client, the simulator's own addresses, a receiver of webhooks."""

import http.server
import json
import os
import sys
import threading
import time
import traceback
import urllib.request

import stripe

BASE = os.environ["SIMULATOR"]
SECRET = os.environ["WEBHOOK_SECRET"]
HOOK_PORT = int(os.environ["WEBHOOK_PORT"])


def client(**more):
    """An official client; `more` changes its configuration."""
    settings = {"base_addresses": {"api": BASE}, "stripe_version": "2023-08-16", "max_network_retries": 0}
    return stripe.StripeClient("sk_test_libraries", **{**settings, **more})


api = client().v1
checks = 0


def check(name):
    """Runs the function as one check and says so; the first that fails ends the run."""

    def run(body):
        global checks
        try:
            body()
        except BaseException:
            print(f"not ok – {name}", file=sys.stderr)
            traceback.print_exc()
            sys.exit(1)
        checks += 1
        print(f"ok {checks} – {name}", flush=True)

    return run


def finish():
    print(f"Python, stripe {stripe.VERSION}: {checks} checks held")


def steer(path, body=None, method=None):
    """Asks one of the simulator's own addresses."""
    data = None if body is None else json.dumps(body).encode()
    method = method or ("GET" if body is None else "POST")
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{BASE}/simulator/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def advance(seconds):
    return steer("clock", {"advance": seconds})


def fault(kind, **more):
    return steer("faults", {"kind": kind, "times": 1, **more})


def clear_faults():
    return steer("faults", method="DELETE")


def order(**more):
    """What a session is made of; `more` changes it."""
    price = {"currency": "php", "unit_amount": 500000, "product_data": {"name": "Consultation"}}
    return {
        "mode": "payment",
        "success_url": "https://shop.example/back?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/cancelled",
        "line_items": [{"quantity": 1, "price_data": price}],
        "metadata": {"payment": "uuid-1"},
        "payment_intent_data": {"metadata": {"payment": "uuid-1"}},
        **more,
    }


def create(options=None, **more):
    return api.checkout.sessions.create(order(**more), options or {})


def paid(card="4242424242424242", **more):
    """A session that was paid with the card, its intent and its charge."""
    session = create(**more)
    steer(f"sessions/{session.id}/pay", {"card": card})
    return api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})


def refusal(call, kind=stripe.StripeError):
    """The error that a call ends with."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("it was not refused")


class Hooks:
    """Receives webhooks as a shop does: verified by the library, or answered 400."""

    def __init__(self):
        self.events, self.raw, self.answers = [], [], []
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(hooks.receive(body, self.headers["Stripe-Signature"]))
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", HOOK_PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def receive(self, body, signature):
        status = self.answers.pop(0) if self.answers else 200
        try:
            event = stripe.Webhook.construct_event(body, signature, SECRET)
        except (ValueError, stripe.SignatureVerificationError) as error:
            print(error, file=sys.stderr)
            return 400
        self.raw.append((body, signature))
        self.events.append(event)
        return status

    def about(self, object_id):
        return [event for event in self.events if event.data.object["id"] == object_id]

    def has(self, object_id, name):
        return any(event.type == name for event in self.about(object_id))

    def close(self):
        self.server.shutdown()


def until(condition, what):
    """Waits until `condition` is true; what has not come after ten seconds does not come."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
