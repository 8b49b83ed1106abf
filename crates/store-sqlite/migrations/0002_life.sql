-- What becomes of a payment after it was made: cancelled, refunded, disputed, recorded, told to the host.
-- Moments that are compared to a fraction of a second are INTEGER microseconds since 1970.

-- Whether somebody wants it cancelled: its session is being ended.
ALTER TABLE payments ADD COLUMN cancel_requested_at TEXT;
-- Given back for certain: refunds that succeeded.
ALTER TABLE payments ADD COLUMN refunded_minor INTEGER NOT NULL DEFAULT 0
    CHECK (refunded_minor BETWEEN 0 AND amount_minor);
ALTER TABLE payments ADD COLUMN refunded TEXT NOT NULL GENERATED ALWAYS AS (
    CASE currency_decimals
        WHEN 0 THEN format('%d', refunded_minor)
        WHEN 1 THEN format('%d.%01d', refunded_minor / 10, refunded_minor % 10)
        WHEN 2 THEN format('%d.%02d', refunded_minor / 100, refunded_minor % 100)
        WHEN 3 THEN format('%d.%03d', refunded_minor / 1000, refunded_minor % 1000)
        WHEN 4 THEN format('%d.%04d', refunded_minor / 10000, refunded_minor % 10000)
    END
) VIRTUAL;
-- Where the dispute stands that the payer's bank has opened, if it has.
ALTER TABLE payments ADD COLUMN dispute TEXT
    CHECK (dispute IN ('needs_response', 'under_review', 'won', 'lost', 'closed'));

-- Those that nobody has gone on to pay.
CREATE INDEX payments_pending ON payments (id) WHERE status = 'pending';

ALTER TABLE tax_records ADD COLUMN tax_refunded_minor INTEGER NOT NULL DEFAULT 0
    CHECK (tax_refunded_minor BETWEEN 0 AND tax_amount_minor);
ALTER TABLE tax_records ADD COLUMN tax_refunded TEXT NOT NULL GENERATED ALWAYS AS (
    CASE currency_decimals
        WHEN 0 THEN format('%d', tax_refunded_minor)
        WHEN 1 THEN format('%d.%01d', tax_refunded_minor / 10, tax_refunded_minor % 10)
        WHEN 2 THEN format('%d.%02d', tax_refunded_minor / 100, tax_refunded_minor % 100)
        WHEN 3 THEN format('%d.%03d', tax_refunded_minor / 1000, tax_refunded_minor % 1000)
        WHEN 4 THEN format('%d.%04d', tax_refunded_minor / 10000, tax_refunded_minor % 10000)
    END
) VIRTUAL;

-- The key of the call that ends a session, once somebody wants it ended.
ALTER TABLE checkout_sessions ADD COLUMN ending TEXT CHECK (length(ending) = 36);
-- Live ones in the order in which they were made: an index's entries with equal columns, as these have,
-- stand by row number.
CREATE INDEX checkout_sessions_awaited
    ON checkout_sessions ((state IN ('creating', 'open', 'submitted')))
    WHERE state IN ('creating', 'open', 'submitted');

-- What refunds take up of a capture: those that are requested, under way or done. The triggers below keep
-- it, whoever writes refunds, and this CHECK is what makes it impossible to give back more than came.
ALTER TABLE captures ADD COLUMN refunding_minor INTEGER NOT NULL DEFAULT 0
    CHECK (refunding_minor BETWEEN 0 AND amount_minor);
CREATE INDEX captures_stray ON captures (payment_intent) WHERE disposition <> 'settled';
-- What a refund has to agree with.
CREATE UNIQUE INDEX captures_as_refunded ON captures (payment_intent, payment_id, currency);

-- The intent is committed before Stripe is called, under a random name that the call carries.
CREATE TABLE refunds (
    -- Goes up with each one.
    ordinal           INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
    payment_id        INTEGER NOT NULL REFERENCES payments (id),
    payment_intent    TEXT NOT NULL,
    amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
    currency          TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    currency_decimals INTEGER NOT NULL CHECK (currency_decimals BETWEEN 0 AND 4),
    amount            TEXT NOT NULL GENERATED ALWAYS AS (
        CASE currency_decimals
            WHEN 0 THEN format('%d', amount_minor)
            WHEN 1 THEN format('%d.%01d', amount_minor / 10, amount_minor % 10)
            WHEN 2 THEN format('%d.%02d', amount_minor / 100, amount_minor % 100)
            WHEN 3 THEN format('%d.%03d', amount_minor / 1000, amount_minor % 1000)
            WHEN 4 THEN format('%d.%04d', amount_minor / 10000, amount_minor % 10000)
        END
    ) VIRTUAL,
    state             TEXT NOT NULL CHECK (
        state IN ('requested', 'pending', 'succeeded', 'failed', 'canceled')
    ),
    origin            TEXT NOT NULL CHECK (origin IN ('operator', 'automatic', 'dashboard')),
    -- The operator's, with the key of the wish and SHA-256 of what it stands for.
    requested_by      INTEGER,
    idempotency_key   TEXT,
    fingerprint       TEXT CHECK (length(fingerprint) = 64),
    reason            TEXT,
    -- The exact encoded call. Empty for one made elsewhere.
    request           TEXT NOT NULL,
    gateway_id        TEXT UNIQUE,
    -- UNIQUE: one that bounced is made up for once.
    replaces          TEXT UNIQUE REFERENCES refunds (id),
    failure           TEXT,
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    CHECK ((requested_by IS NOT NULL) = (origin = 'operator')),
    CHECK ((idempotency_key IS NOT NULL) = (origin = 'operator')),
    CHECK ((fingerprint IS NOT NULL) = (origin = 'operator')),
    -- Keys belong to their user.
    UNIQUE (requested_by, idempotency_key),
    -- It gives back its own payment's money, in the money's currency.
    FOREIGN KEY (payment_intent, payment_id, currency)
        REFERENCES captures (payment_intent, payment_id, currency)
) STRICT;

CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_by_capture ON refunds (payment_intent);
CREATE INDEX refunds_awaited ON refunds (id) WHERE state IN ('requested', 'pending');
CREATE INDEX refunds_automatic ON refunds (created_at) WHERE origin = 'automatic';

-- Worked out anew each time: whatever somebody wrote into refunding_minor, the sum decides.
CREATE TRIGGER refunds_take_up AFTER INSERT ON refunds BEGIN
    UPDATE captures SET refunding_minor = (
        SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r
         WHERE r.payment_intent = captures.payment_intent
           AND r.state IN ('requested', 'pending', 'succeeded')
    ) WHERE payment_intent = NEW.payment_intent;
END;
CREATE TRIGGER refunds_move AFTER UPDATE OF state, amount_minor, payment_intent ON refunds BEGIN
    UPDATE captures SET refunding_minor = (
        SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r
         WHERE r.payment_intent = captures.payment_intent
           AND r.state IN ('requested', 'pending', 'succeeded')
    ) WHERE payment_intent IN (OLD.payment_intent, NEW.payment_intent);
END;
CREATE TRIGGER refunds_let_go AFTER DELETE ON refunds BEGIN
    UPDATE captures SET refunding_minor = (
        SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r
         WHERE r.payment_intent = captures.payment_intent
           AND r.state IN ('requested', 'pending', 'succeeded')
    ) WHERE payment_intent = OLD.payment_intent;
END;

-- The currency of a dispute is the bank's choice.
CREATE TABLE disputes (
    ordinal        INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway_id     TEXT NOT NULL UNIQUE,
    payment_id     INTEGER NOT NULL REFERENCES payments (id),
    payment_intent TEXT NOT NULL REFERENCES captures (payment_intent),
    amount_minor   INTEGER NOT NULL,
    currency       TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    state          TEXT NOT NULL CHECK (
        state IN ('needs_response', 'under_review', 'won', 'lost', 'closed')
    ),
    reason         TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL
) STRICT;

CREATE INDEX disputes_by_payment ON disputes (payment_id);
CREATE INDEX disputes_by_capture ON disputes (payment_intent);

-- The record: every decision about a payment, in order, each entry with a hash over itself and the one
-- before it.
CREATE TABLE payment_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id INTEGER NOT NULL REFERENCES payments (id),
    seq        INTEGER NOT NULL CHECK (seq >= 1),
    at_micros  INTEGER NOT NULL,
    -- For people: the same moment, readable.
    at         TEXT NOT NULL GENERATED ALWAYS AS (
        strftime('%Y-%m-%d %H:%M:%S', at_micros / 1000000, 'unixepoch')
        || format('.%06d', at_micros % 1000000)
    ) VIRTUAL,
    kind       TEXT NOT NULL,
    -- The exact JSON text that is hashed.
    data       TEXT NOT NULL,
    -- The type of the message to the host; NULL: it is not told.
    announces  TEXT,
    -- SHA-256 in hexadecimal digits.
    prev_hash  TEXT NOT NULL CHECK (length(prev_hash) = 64),
    hash       TEXT NOT NULL CHECK (length(hash) = 64),
    UNIQUE (payment_id, seq)
) STRICT;

CREATE TRIGGER payment_events_keep BEFORE UPDATE ON payment_events BEGIN
    SELECT RAISE(ABORT, 'the record is append-only');
END;
CREATE TRIGGER payment_events_stay BEFORE DELETE ON payment_events BEGIN
    SELECT RAISE(ABORT, 'the record is append-only');
END;
-- INSERT OR REPLACE would delete without asking the trigger above.
CREATE TRIGGER payment_events_follow BEFORE INSERT ON payment_events
    WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM payment_events WHERE payment_id = NEW.payment_id), 0)
      OR EXISTS (SELECT 1 FROM payment_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the record is append-only');
END;

-- Payments that were made before there was a record. For the text that is hashed see the domain's record.
INSERT INTO payment_events (payment_id, seq, at_micros, kind, data, prev_hash, hash)
WITH imported (payment_id, reference, at_micros, data, prev_hash) AS (
    SELECT id, reference, unixepoch(updated_at) * 1000000,
           '{"kind":"imported","origin":{"by":"sekali"}}', format('%064d', 0)
      FROM payments
)
SELECT payment_id, 1, at_micros, 'imported', data, prev_hash,
       sha256_hex(concat_ws(char(10), prev_hash, reference, 1, at_micros, 'imported', data))
  FROM imported
 ORDER BY payment_id;

-- How far the host was told of a payment's record.
CREATE TABLE outbox (
    payment_id    INTEGER PRIMARY KEY REFERENCES payments (id),
    -- The last entry that the host has taken.
    delivered_seq INTEGER NOT NULL DEFAULT 0,
    -- The last entry that it is to be told of.
    last_seq      INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    -- NULL: everything is delivered, or it is parked.
    due_at        INTEGER,
    -- Until then it is somebody's.
    leased_until  INTEGER,
    failing_since INTEGER,
    parked_at     INTEGER,
    error         TEXT
) STRICT;

CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_parked ON outbox (payment_id) WHERE parked_at IS NOT NULL;
CREATE INDEX outbox_unfinished ON outbox (payment_id) WHERE last_seq > delivered_seq;

-- One at a time for work that two servers must not do at once.
CREATE TABLE leases (
    name   TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL CHECK (length(holder) = 36),
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What an operator has to look at.
CREATE TABLE cases (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (
        kind IN ('surplus', 'mismatch', 'unknown_money', 'refund_bounced', 'refund_stuck', 'refund_cap')
    ),
    -- Stripe's id, or our name.
    object     TEXT NOT NULL,
    payment_id INTEGER REFERENCES payments (id),
    -- A sentence.
    detail     TEXT NOT NULL,
    opened_at  TEXT NOT NULL,
    closed_at  TEXT,
    UNIQUE (kind, object)
) STRICT;

CREATE INDEX cases_by_age ON cases (opened_at);
CREATE INDEX cases_open ON cases (opened_at) WHERE closed_at IS NULL;
