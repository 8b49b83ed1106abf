-- What becomes of a payment after it is made: its end, refunds, disputes, its record, and who is told.

ALTER TABLE payments
    ADD COLUMN cancel_requested_at timestamptz,
    -- What is back with the payer for certain.
    ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunded numeric NOT NULL
        GENERATED ALWAYS AS (minor_to_decimal(refunded_minor, currency_decimals)) STORED,
    ADD COLUMN dispute text
        CHECK (dispute IN ('needs_response', 'under_review', 'won', 'lost', 'closed')),
    ADD CONSTRAINT payments_refunded_check CHECK (refunded_minor BETWEEN 0 AND amount_minor);
-- For the reconciler, which lets those end that nobody goes on to pay.
CREATE INDEX payments_pending ON payments (id) WHERE status = 'pending';

ALTER TABLE tax_records
    ADD COLUMN tax_refunded_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN tax_refunded numeric NOT NULL
        GENERATED ALWAYS AS (minor_to_decimal(tax_refunded_minor, currency_decimals)) STORED,
    ADD CONSTRAINT tax_records_refunded_check CHECK (tax_refunded_minor BETWEEN 0 AND tax_amount_minor);

-- The idempotency key of the call that ends the session, once somebody wants it ended.
ALTER TABLE checkout_sessions ADD COLUMN ending uuid;
CREATE INDEX checkout_sessions_live ON checkout_sessions (ordinal)
    WHERE state IN ('creating', 'open', 'submitted');
CREATE INDEX checkout_sessions_by_age ON checkout_sessions (created_at, ordinal);

ALTER TABLE captures
    -- Tells the older of two that came within a second.
    ADD COLUMN ordinal bigint GENERATED ALWAYS AS IDENTITY,
    -- What refunds that are requested, pending or succeeded take up; kept by the trigger on refunds.
    ADD COLUMN refunding_minor bigint NOT NULL DEFAULT 0,
    -- However they are written: refunds never exceed what was captured.
    ADD CONSTRAINT captures_refunding_check CHECK (refunding_minor BETWEEN 0 AND amount_minor),
    -- For refunds, which have to be in their capture's currency, and of its payment.
    ADD CONSTRAINT captures_as_refunded UNIQUE (payment_intent, payment_id, currency);
CREATE INDEX captures_by_payment ON captures (payment_id, ordinal);
CREATE INDEX captures_stray ON captures (payment_intent)
    WHERE disposition <> 'settled' AND refunding_minor < amount_minor;
CREATE INDEX captures_by_age ON captures (created_at, payment_intent);

CREATE TABLE refunds (
    id uuid PRIMARY KEY,
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    payment_id bigint NOT NULL REFERENCES payments,
    payment_intent text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    currency_decimals smallint NOT NULL CHECK (currency_decimals BETWEEN 0 AND 4),
    amount numeric NOT NULL GENERATED ALWAYS AS (minor_to_decimal(amount_minor, currency_decimals)) STORED,
    state text NOT NULL CHECK (state IN ('requested', 'pending', 'succeeded', 'failed', 'canceled')),
    origin text NOT NULL CHECK (origin IN ('operator', 'automatic', 'dashboard')),
    requested_by bigint,
    idempotency_key text,
    fingerprint bytea CHECK (octet_length(fingerprint) = 32),
    reason text,
    -- The exact bytes of the call that makes the refund: a repeat has to send the same.
    request text NOT NULL,
    gateway_id text UNIQUE,
    -- One that bounced is made up for once.
    replaces uuid UNIQUE REFERENCES refunds,
    failure text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT refunds_one_for_a_key UNIQUE (requested_by, idempotency_key),
    CONSTRAINT refunds_of_their_capture FOREIGN KEY (payment_intent, payment_id, currency)
        REFERENCES captures (payment_intent, payment_id, currency),
    -- An operator's refund has a key, and no other has.
    CONSTRAINT refunds_key_check CHECK (
        num_nonnulls(requested_by, idempotency_key, fingerprint) = CASE origin WHEN 'operator' THEN 3 ELSE 0 END)
);
CREATE INDEX refunds_by_payment ON refunds (payment_id, ordinal);
CREATE INDEX refunds_awaited ON refunds (id) WHERE state IN ('requested', 'pending');
CREATE INDEX refunds_automatic ON refunds (created_at) WHERE origin = 'automatic';
CREATE INDEX refunds_by_age ON refunds (created_at, id);

-- Each refund counts in its capture as long as its money is on its way, or back.
CREATE FUNCTION sekali_refund_counts(state text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN state IN ('requested', 'pending', 'succeeded');

CREATE FUNCTION sekali_take_up_capture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND sekali_refund_counts(OLD.state) THEN
        UPDATE captures SET refunding_minor = refunding_minor - OLD.amount_minor
         WHERE payment_intent = OLD.payment_intent;
    END IF;
    IF TG_OP <> 'DELETE' AND sekali_refund_counts(NEW.state) THEN
        UPDATE captures SET refunding_minor = refunding_minor + NEW.amount_minor
         WHERE payment_intent = NEW.payment_intent;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER refunds_come_and_go AFTER INSERT OR DELETE ON refunds
    FOR EACH ROW EXECUTE FUNCTION sekali_take_up_capture();
CREATE TRIGGER refunds_change AFTER UPDATE ON refunds
    FOR EACH ROW WHEN (sekali_refund_counts(OLD.state) <> sekali_refund_counts(NEW.state)
        OR OLD.amount_minor <> NEW.amount_minor OR OLD.payment_intent <> NEW.payment_intent)
    EXECUTE FUNCTION sekali_take_up_capture();

CREATE TABLE disputes (
    gateway_id text PRIMARY KEY,
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    payment_id bigint NOT NULL REFERENCES payments,
    payment_intent text NOT NULL REFERENCES captures,
    amount_minor bigint NOT NULL,
    -- The bank's choice: it need not be the capture's.
    currency text NOT NULL,
    state text NOT NULL CHECK (state IN ('needs_response', 'under_review', 'won', 'lost', 'closed')),
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX disputes_by_payment ON disputes (payment_id, ordinal);

-- The record: every decision taken about a payment, each with a hash over itself and the one before.
CREATE TABLE payment_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id bigint NOT NULL REFERENCES payments,
    seq bigint NOT NULL CHECK (seq >= 1),
    at timestamptz NOT NULL,
    kind text NOT NULL,
    -- The exact text that was hashed, and so not jsonb, which would write it anew.
    data text NOT NULL,
    -- The type of the message to the host application; NULL: it is not told.
    announces text,
    prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    CONSTRAINT payment_events_in_order UNIQUE (payment_id, seq)
);

CREATE FUNCTION sekali_refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record is append-only';
END
$$;
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION sekali_refuse_rewriting();

-- How far the host application was told of each payment's record.
CREATE TABLE outbox (
    payment_id bigint PRIMARY KEY REFERENCES payments,
    delivered_seq bigint NOT NULL DEFAULT 0,
    -- The last entry that it is to be told of.
    last_seq bigint NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    -- NULL: everything is delivered, or it is parked.
    due_at timestamptz,
    leased_until timestamptz,
    failing_since timestamptz,
    parked_at timestamptz,
    error text,
    CONSTRAINT outbox_delivered_check CHECK (delivered_seq BETWEEN 0 AND last_seq)
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_parked ON outbox (payment_id) WHERE parked_at IS NOT NULL;
CREATE INDEX outbox_unfinished ON outbox (payment_id) WHERE delivered_seq < last_seq;

-- One at a time for work that two servers must not do at once.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder uuid NOT NULL,
    until timestamptz NOT NULL
);

-- What an operator has to look at.
CREATE TABLE cases (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN
        ('surplus', 'mismatch', 'unknown_money', 'refund_bounced', 'refund_stuck', 'refund_cap')),
    object text NOT NULL,
    payment_id bigint REFERENCES payments,
    detail text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT cases_one_for_an_object UNIQUE (kind, object)
);
CREATE INDEX cases_by_age ON cases (opened_at, id);
CREATE INDEX cases_open ON cases (opened_at, id) WHERE closed_at IS NULL;

-- The records of payments that are there already begin here, and are chained like any other: SHA-256 over
-- the hash before it, the payment's reference, number, microseconds since 1970, kind and data.
INSERT INTO payment_events (payment_id, seq, at, kind, data, prev_hash, hash)
SELECT p.id, 1, p.at, 'imported', text.data, decode(repeat('00', 32), 'hex'),
       sha256(convert_to(concat_ws(E'\n', repeat('0', 64), p.reference, 1,
                                   extract(epoch FROM p.at)::bigint * 1000000, 'imported', text.data), 'UTF8'))
  FROM (SELECT id, reference, date_trunc('second', updated_at) AS at FROM payments) p,
       (VALUES ('{"kind":"imported","origin":{"by":"sekali"}}')) AS text (data)
 ORDER BY p.id;
