-- What an operator looks for. The list by time needs nothing: an invoice's number begins with the second in which its
-- payment was made, and has an index.

-- Payments by state, newest first. Without those that are pending, of which there are few, so that making a payment
-- writes nothing here.
CREATE INDEX payments_by_status ON payments (status, created_at, id) WHERE status <> 'pending';
-- A key without its user, compared by its bytes. Most keys begin with the time, so that their entries go to the end.
CREATE INDEX idempotency_keys_by_key ON idempotency_keys (key text_pattern_ops);
-- Webhooks about an object, and those that were given up.
CREATE INDEX gateway_events_by_object ON gateway_events (object) WHERE object IS NOT NULL;
CREATE INDEX gateway_events_given_up ON gateway_events (received_at)
    WHERE finished_at IS NULL AND due_at IS NULL;
CREATE INDEX cases_by_payment ON cases (payment_id) WHERE payment_id IS NOT NULL;
-- The duplicates of a day.
CREATE INDEX payment_events_duplicates ON payment_events (at) WHERE kind = 'duplicate';

-- How a check or a pass went last, for people to read.
CREATE TABLE notes (
    name text PRIMARY KEY,
    at timestamptz NOT NULL,
    -- JSON.
    text text NOT NULL
);
