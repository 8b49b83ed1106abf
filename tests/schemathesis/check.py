"""Attacks the API of a running Sekali with schemathesis, and asserts that every operation was reached.

Arguments: the program `sekali`, the address of the service. The token secret stands in the environment.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import requests

HERE = pathlib.Path(__file__).resolve().parent
SEKALI, BASE = sys.argv[1:]
# Consultations that wait for the presses of this run, and those that are paid before it.
WAITING = range(100, 400)
TO_PAY = range(1, 13)
PATIENT, SERVICE, ADMIN = "patient", "service", "admin"
DEADLINE = 30


def token(role):
    made = subprocess.run(
        [SEKALI, "token", "--user", "1", "--role", role], check=True, capture_output=True, text=True
    )
    return made.stdout.strip()


TOKENS = {role: token(role) for role in (PATIENT, SERVICE, ADMIN)}


def api(method, path, role, expected, **more):
    headers = {"Authorization": f"Bearer {TOKENS[role]}", **more.pop("headers", {})}
    answer = requests.request(method, f"{BASE}{path}", headers=headers, timeout=DEADLINE, **more)
    assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


def put_consultation(number):
    body = {"patient_id": 1, "fee": "5000.00", "currency": "PHP"}
    api("PUT", f"/api/v1/consultations/{number}", SERVICE, 201, json=body)


def pay(consultation):
    """Presses, goes to the simulator's page, and pays there; the payment's number."""
    press = {"consultation_id": consultation, "amount": "5000.00", "payment_method": "stripe"}
    made = api("POST", "/api/v1/payments", PATIENT, 201, json={**press, "idempotency_key": f"pay-{consultation}"})
    page = requests.get(made["data"]["checkout_url"], allow_redirects=False, timeout=DEADLINE).headers["Location"]
    card = {"card": "4242424242424242"}
    order = f"{BASE}/stripe-simulator/simulator/sessions/{page.rsplit('/', 1)[1]}/pay"
    assert requests.post(order, json=card, timeout=DEADLINE).status_code == 200
    return made["data"]["payment_id"]


def until_paid(payment):
    end = time.monotonic() + DEADLINE
    while api("GET", f"/api/v1/payments/{payment}", PATIENT, 200)["data"]["payment"]["status"] != "completed":
        assert time.monotonic() < end, f"payment {payment} is not settled"
        time.sleep(0.05)


def prepare():
    for number in (*WAITING, *TO_PAY):
        put_consultation(number)
    paid = [pay(number) for number in TO_PAY]
    for payment in paid:
        until_paid(payment)
    return paid


def attack(paid, answers):
    environment = {
        **os.environ,
        **{f"TOKEN_{role.upper()}": TOKENS[role] for role in TOKENS},
        "WAITING": json.dumps(list(WAITING)),
        "PAID": json.dumps(paid),
        "ANSWERS": str(answers),
        "PYTHONPATH": str(HERE),
    }
    examples, seed = os.environ.get("SEKALI_EXAMPLES", "25"), os.environ.get("SEKALI_SEED", "1")
    command = [
        str(pathlib.Path(sys.executable).with_name("schemathesis")),
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"{BASE}/openapi.json",
        "--checks=all",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--no-color",
    ]
    return subprocess.run(command, env=environment, check=False, cwd=answers.parent).returncode


def not_served(answers):
    """Operations of the document that were never answered 2xx in this run."""
    document = requests.get(f"{BASE}/openapi.json", timeout=DEADLINE).json()
    for path, item in document["paths"].items():
        for method in item:
            statuses = answers.get(f"{method.upper()} {path}", {})
            shown = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
            print(f"{method.upper():4} {path:40} {shown}")
            if not any(status.startswith("2") for status in statuses):
                yield f"{method.upper()} {path}"


def main():
    paid = prepare()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "answers.json"
        failed = attack(paid, file)
        missing = list(not_served(json.loads(file.read_text(encoding="utf-8"))))
    assert requests.get(f"{BASE}/readyz", timeout=DEADLINE).status_code == 200, "it no longer takes payments"
    if missing:
        sys.exit(f"never served: {', '.join(missing)}")
    sys.exit(failed)


main()
