"""The official Python library, unmodified, against `sekali stripe-simulator`."""

import threading
from concurrent.futures import ThreadPoolExecutor

import stripe
from support import SECRET, Hooks, advance, api, check, clear_faults, client, create, fault
from support import finish, order, paid, refusal, steer, until

hooks = Hooks()
DAY = 24 * 3600

# ---- Sessions -----------------------------------------------------------------------------------


@check("a session is created, retrieved and shown with its line items")
def _():
    session = create(locale="id", client_reference_id="ref-1")
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 500000)
    assert session.metadata["payment"] == "uuid-1"
    assert session.last_response.headers["Stripe-Version"] == "2023-08-16"
    assert session.last_response.request_id.startswith("req_")
    again = api.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert again.line_items.data[0].description == "Consultation"
    assert api.checkout.sessions.line_items.list(session.id).data[0].amount_total == 500000


@check("the times that expires_at may have are Stripe's")
def _():
    now = steer("clock")["now"]
    assert create(expires_at=now + 31 * 60).expires_at == now + 31 * 60
    for seconds in (60, DAY + 60):
        error = refusal(lambda: create(expires_at=now + seconds), stripe.InvalidRequestError)
        assert error.param == "expires_at"


@check("sessions are listed page by page, and all of them")
def _():
    made = [create().id for _ in range(12)][::-1]
    page = api.checkout.sessions.list({"limit": 5})
    assert page.has_more and [session.id for session in page.data] == made[:5]
    back = api.checkout.sessions.list({"limit": 3, "ending_before": made[5]})
    assert [session.id for session in back.data] == made[2:5]
    found = []
    for session in page.auto_paging_iter():
        found.append(session.id)
        if len(found) == 12:
            break
    assert found == made


@check("an open session is expired, once")
def _():
    session = create()
    expired = api.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    refusal(lambda: api.checkout.sessions.expire(session.id), stripe.InvalidRequestError)


@check("a paid session shows its intent and charge, with their metadata")
def _():
    session = paid()
    assert (session.status, session.payment_status) == ("complete", "paid")
    charge = session.payment_intent.latest_charge
    assert charge.paid and charge.metadata["payment"] == "uuid-1"
    query = {"payment_intent": session.payment_intent.id, "expand": ["data.payment_intent"]}
    found = api.checkout.sessions.list(query)
    assert len(found.data) == 1 and found.data[0].payment_intent.amount_received == 500000


@check("a session runs out when the clock is moved")
def _():
    session = create()
    advance(DAY)
    assert api.checkout.sessions.retrieve(session.id).status == "expired"
    until(lambda: hooks.has(session.id, "checkout.session.expired"), "its webhook")


# ---- Errors -------------------------------------------------------------------------------------


@check("a declined card is a CardError")
def _():
    for card, code, reason in [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
    ]:
        session = create()
        path = f"/simulator/sessions/{session.id}/pay"
        error = refusal(lambda: client().raw_request("post", path, card=card), stripe.CardError)
        assert (error.http_status, error.code) == (402, code)
        assert error.error.decline_code == reason
        after = api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
        assert after.status == "open"
        assert after.payment_intent.last_payment_error.decline_code == reason


@check("errors are those of the library")
def _():
    error = refusal(lambda: api.charges.retrieve("ch_nothing"), stripe.InvalidRequestError)
    assert (error.code, error.param, error.http_status) == ("resource_missing", "charge", 404)
    assert error.request_id.startswith("req_") and "req_" in error.error.request_log_url
    error = refusal(lambda: create(colour="blue"), stripe.InvalidRequestError)
    assert (error.code, error.param) == ("parameter_unknown", "colour")
    stranger = {"api_key": "sk_live_abcdefghijkl"}
    refusal(lambda: api.charges.list({}, stranger), stripe.AuthenticationError)


# ---- Refunds ------------------------------------------------------------------------------------


@check("a charge is refunded in parts, and never beyond its amount")
def _():
    intent = paid().payment_intent
    charge = intent.latest_charge.id
    part = api.refunds.create(
        {
            "payment_intent": intent.id,
            "amount": 200000,
            "reason": "requested_by_customer",
            "metadata": {"refund": "uuid-2"},
            "expand": ["charge", "payment_intent"],
        }
    )
    assert (part.status, part.amount, part.metadata["refund"]) == ("succeeded", 200000, "uuid-2")
    assert (part.charge.amount_refunded, part.charge.refunded) == (200000, False)
    much = {"charge": charge, "amount": 300001}
    assert refusal(lambda: api.refunds.create(much), stripe.InvalidRequestError).param == "amount"
    rest = api.refunds.create({"charge": charge})
    assert rest.amount == 300000
    error = refusal(lambda: api.refunds.create({"charge": charge}), stripe.InvalidRequestError)
    assert error.code == "charge_already_refunded"
    shown = api.charges.retrieve(charge, {"expand": ["refunds"]})
    assert (shown.amount_refunded, shown.refunded) == (500000, True)
    assert [refund.id for refund in shown.refunds.data] == [rest.id, part.id]
    until(lambda: hooks.has(charge, "charge.refunded"), "charge.refunded")
    until(lambda: hooks.has(part.id, "refund.created"), "refund.created")


@check("refunds are listed by charge and intent, and all of them")
def _():
    intent = paid().payment_intent
    part = {"payment_intent": intent.id, "amount": 100}
    made = [api.refunds.create(part).id for _ in range(7)][::-1]
    found = api.refunds.list({"charge": intent.latest_charge.id, "limit": 3})
    assert [refund.id for refund in found.auto_paging_iter()] == made
    page = api.refunds.list({"payment_intent": intent.id, "limit": 100})
    assert (len(page.data), page.has_more) == (7, False)


@check("a hundred refunds of sixty per cent: one")
def _():
    intent = paid().payment_intent

    def refund(_):
        try:
            api.refunds.create({"payment_intent": intent.id, "amount": 300000})
        except stripe.InvalidRequestError:
            return 0
        return 1

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(refund, range(100))) == 1


@check("a pending refund succeeds later, or is cancelled")
def _():
    intent = paid("4000000000007726").payment_intent
    first = api.refunds.create({"payment_intent": intent.id, "amount": 1000})
    second = api.refunds.create({"payment_intent": intent.id, "amount": 2000})
    assert (first.status, second.status) == ("pending", "pending")
    assert api.refunds.cancel(second.id).status == "canceled"
    advance(60)
    assert api.refunds.retrieve(first.id).status == "succeeded"
    assert api.charges.retrieve(intent.latest_charge.id).amount_refunded == 1000
    until(lambda: hooks.has(first.id, "refund.updated"), "refund.updated")
    event = next(event for event in hooks.about(first.id) if event.type == "refund.updated")
    assert event.data.previous_attributes["status"] == "pending"


@check("a refund that bounces gives its amount back to the charge")
def _():
    intent = paid("4000000000005126").payment_intent
    refund = api.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    advance(60)
    failed = api.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert api.charges.retrieve(intent.latest_charge.id).amount_refunded == 0
    until(lambda: hooks.has(refund.id, "refund.failed"), "refund.failed")


@check("a refund in the dashboard is seen by the API, and its metadata changed")
def _():
    intent = paid().payment_intent
    made = steer(f"charges/{intent.latest_charge.id}/refund", {"amount": 1000})
    changed = api.refunds.update(made["id"], {"metadata": {"seen": "yes"}})
    assert (changed.amount, changed.metadata["seen"]) == (1000, "yes")


# ---- Disputes -----------------------------------------------------------------------------------


@check("a dispute is opened by its card, and won")
def _():
    intent = paid("4000000000000259").payment_intent
    query = {"payment_intent": intent.id, "expand": ["data.charge"]}
    dispute = api.disputes.list(query).data[0]
    assert (dispute.status, dispute.reason, dispute.charge.disputed) == ("needs_response", "fraudulent", True)
    error = refusal(lambda: api.refunds.create({"payment_intent": intent.id}), stripe.InvalidRequestError)
    assert error.code == "charge_disputed"
    steer(f"disputes/{dispute.id}/close", {"status": "won"})
    assert api.disputes.retrieve(dispute.id).status == "won"
    for name in ("created", "funds_withdrawn", "closed", "funds_reinstated"):
        until(lambda: hooks.has(dispute.id, f"charge.dispute.{name}"), name)


@check("a dispute about any charge is opened, and lost")
def _():
    charge = paid().payment_intent.latest_charge.id
    dispute = steer(f"charges/{charge}/dispute", {"reason": "product_not_received"})
    steer(f"disputes/{dispute['id']}/close", {"status": "lost"})
    assert api.disputes.list({"charge": charge}).data[0].status == "lost"


# ---- Payments that take days, and intents -------------------------------------------------------


@check("a bank payment is unpaid first, then paid or failed")
def _():
    for account, status, name in [
        ("000123456789", "paid", "checkout.session.async_payment_succeeded"),
        ("000111111116", "unpaid", "checkout.session.async_payment_failed"),
    ]:
        session = create(payment_method_types=["card", "us_bank_account"])
        steer(f"sessions/{session.id}/pay", {"bank_account": account})
        submitted = api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
        assert (submitted.status, submitted.payment_status) == ("complete", "unpaid")
        assert submitted.payment_intent.status == "processing"
        advance(60)
        assert api.checkout.sessions.retrieve(session.id).payment_status == status
        until(lambda: hooks.has(session.id, name), name)


@check("an intent is changed, and cancelled only when it may be")
def _():
    intent = paid().payment_intent
    changed = api.payment_intents.update(intent.id, {"description": "Other", "metadata": {"more": "1"}})
    assert changed.description == "Other" and changed.metadata.to_dict() == {"payment": "uuid-1", "more": "1"}
    error = refusal(lambda: api.payment_intents.cancel(intent.id), stripe.InvalidRequestError)
    assert error.code == "payment_intent_unexpected_state"
    assert error.error.payment_intent["status"] == "succeeded"
    assert any(other.id == intent.id for other in api.payment_intents.list({"limit": 3}).data)
    assert len(api.charges.list({"payment_intent": intent.id}).data) == 1


@check("an expired session is paid all the same where a test forces it")
def _():
    session = create()
    api.checkout.sessions.expire(session.id)
    steer(f"sessions/{session.id}/pay", {"card": "4242424242424242", "force": True})
    assert api.checkout.sessions.retrieve(session.id).payment_status == "paid"


# ---- Idempotency --------------------------------------------------------------------------------


@check("a key's first answer is its answer")
def _():
    options = {"idempotency_key": "python-replay"}
    first, second = create(options), create(options)
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.id == first.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    error = refusal(lambda: create(options, locale="id"), stripe.IdempotencyError)
    assert error.http_status == 400


@check("a key that is in use is refused")
def _():
    clear_faults()
    fault("slow", method="POST", delay_ms=1500)
    options = {"idempotency_key": "python-flight"}
    made = []
    slow = threading.Thread(target=lambda: made.append(create(options)))
    slow.start()
    until(lambda: steer("faults")["data"][0]["struck"] == 1, "the slow request")
    threading.Event().wait(0.2)
    error = refusal(lambda: create(options))
    assert (error.http_status, error.error.code) == (409, "idempotency_key_in_use")
    slow.join()
    assert create(options).id == made[0].id
    clear_faults()


@check("a key is forgotten after a day")
def _():
    options = {"idempotency_key": "python-expiry"}
    first = create(options)
    advance(DAY - 60)
    assert create(options).id == first.id
    advance(60)
    assert create(options).id != first.id


# ---- Faults, against the library's own repeats --------------------------------------------------


def sessions_made(reference):
    sessions = api.checkout.sessions.list({"limit": 100}).data
    return [session.id for session in sessions if session.client_reference_id == reference]


for kind in (
    "answer_lost",
    "request_lost",
    "connection_reset",
    "rate_limited",
    "conflict",
    "server_error",
):

    @check(f"the library repeats after {kind}, and there is one session")
    def _():
        fault(kind, method="POST", path="/v1/checkout/sessions")
        persistent = client(max_network_retries=2).v1
        session = persistent.checkout.sessions.create(order(client_reference_id=f"python-{kind}"))
        entry = steer("faults")["data"][0]
        assert (entry["kind"], entry["struck"]) == (kind, 1)
        assert sessions_made(f"python-{kind}") == [session.id]


@check("the library repeats after a slow answer, and there is one session")
def _():
    fault("slow", method="POST", delay_ms=1200)
    patient = client(max_network_retries=6, http_client=stripe.RequestsClient(timeout=0.6)).v1
    session = patient.checkout.sessions.create(order(client_reference_id="python-slow"))
    assert sessions_made("python-slow") == [session.id]


@check("a refund whose answer is lost is made once")
def _():
    intent = paid().payment_intent
    fault("answer_lost", method="POST", path="/v1/refunds")
    client(max_network_retries=2).v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert api.charges.retrieve(intent.latest_charge.id).amount_refunded == 1000


@check("without repeats, a lost answer is a connection error, and the session is there")
def _():
    fault("answer_lost", method="POST")
    refusal(lambda: create(client_reference_id="python-gone"), stripe.APIConnectionError)
    assert len(sessions_made("python-gone")) == 1


@check("an answer that breaks off is a connection error, and the key still has the session")
def _():
    fault("answer_cut", method="POST")
    cut = lambda: create({"idempotency_key": "python-cut"}, client_reference_id="python-cut")
    refusal(cut, stripe.APIConnectionError)
    session = cut()
    assert sessions_made("python-cut") == [session.id]


for kind, count in (("server_error_saved", 0), ("server_error_after_work", 1)):

    @check(f"{kind} is the key's answer")
    def _():
        fault(kind, method="POST")
        name = f"python-{kind}"
        for replayed in (None, "true"):
            attempt = lambda: create({"idempotency_key": name}, client_reference_id=name)
            error = refusal(attempt, stripe.APIError)
            assert (error.http_status, error.headers.get("Idempotent-Replayed")) == (500, replayed)
        assert len(sessions_made(name)) == count


@check("a fault in metadata strikes once")
def _():
    params = order(metadata={"simulator_fault": "answer_lost"}, client_reference_id="python-metadata")
    session = client(max_network_retries=2).v1.checkout.sessions.create(params)
    assert sessions_made("python-metadata") == [session.id]


# ---- Webhooks -----------------------------------------------------------------------------------


def expired():
    session = create()
    api.checkout.sessions.expire(session.id)
    return session.id


@check("webhooks come in order, verified, and are the events that the API shows")
def _():
    clear_faults()
    session = paid()
    intent = session.payment_intent.id
    mine = lambda: [event for event in hooks.events if intent in str(event.data.object)]
    until(lambda: len(mine()) == 4, "four webhooks")
    assert [event.type for event in mine()] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    received = mine()[3]
    shown = api.events.retrieve(received.id)
    assert shown.data.object == received.data.object
    assert received.api_version == "2023-08-16"
    both = {"types": ["charge.succeeded", "checkout.session.completed"], "limit": 2}
    names = [event.type for event in api.events.list(both).data]
    assert names == ["checkout.session.completed", "charge.succeeded"]


@check("a forged webhook is refused by the library")
def _():
    body, signature = hooks.raw[0]
    changed = body.replace(b'"livemode":false', b'"livemode":true')
    for forged, secret in ((body, "whsec_other"), (changed, SECRET)):
        verify = lambda: stripe.Webhook.construct_event(forged, signature, secret)
        refusal(verify, stripe.SignatureVerificationError)


@check("a webhook that is not answered comes again after 1, 2, 4 seconds")
def _():
    hooks.answers.extend([500, 500, 500])
    session = expired()
    until(lambda: len(hooks.about(session)) == 1, "the first attempt")
    for attempt, seconds in ((2, 1), (3, 2), (4, 4)):

        def arrived():
            if len(hooks.about(session)) == attempt - 1:
                advance(seconds)
            return len(hooks.about(session)) >= attempt

        until(arrived, f"attempt {attempt}")
    ids = {event.id for event in hooks.about(session)}
    assert len(ids) == 1
    until(lambda: api.events.retrieve(ids.copy().pop()).pending_webhooks == 0, "the end")


@check("a webhook comes late")
def _():
    fault("webhook_late", event_type="checkout.session.expired", delay_ms=3_600_000)
    late, soon = expired(), expired()
    until(lambda: len(hooks.about(soon)) == 1, "the later one")
    assert not hooks.about(late)
    advance(3600)
    until(lambda: len(hooks.about(late)) == 1, "the late one")


@check("a webhook comes twice, as one event")
def _():
    fault("webhook_twice", event_type="checkout.session.expired")
    session = expired()
    until(lambda: len(hooks.about(session)) == 2, "both")
    assert len({event.id for event in hooks.about(session)}) == 1


@check("a webhook comes out of order")
def _():
    fault("webhook_out_of_order", event_type="charge.succeeded", delay_ms=3_600_000)
    intent = paid().payment_intent
    until(lambda: hooks.about(intent.latest_charge.id), "the overtaken one")
    names = [event.type for event in hooks.events if intent.id in str(event.data.object)]
    assert names.index("charge.succeeded") > names.index("payment_intent.succeeded")


@check("a webhook never comes, and the API tells what happened")
def _():
    fault("webhook_never", event_type="checkout.session.expired")
    lost, later = expired(), expired()
    until(lambda: hooks.about(later), "a later one")
    advance(4 * DAY)
    after = expired()
    until(lambda: hooks.about(after), "one after four days")
    assert not hooks.about(lost)
    query = {"type": "checkout.session.expired", "delivery_success": False}
    assert api.events.list(query).data[0].data.object["id"] == lost


hooks.close()
finish()
