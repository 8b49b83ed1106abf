-- Times are TEXT `YYYY-MM-DD HH:MM:SS` in UTC, which sorts as time does and is what people read.
-- Only the inbox's due times are integers, as its leases need fractions of a second.
-- STRICT: a column holds what it says, so that an amount can never turn into a float.

-- Which steps this database has been through.
CREATE TABLE sekali_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

-- This installation's random name. It goes to Stripe with every session, so that events of another
-- installation on the same account, or of a restored backup beside the original, are told apart.
CREATE TABLE installation (
    id       TEXT NOT NULL CHECK (length(id) = 36),
    -- A second row would need a second value here.
    only_one INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_one = 1)
) STRICT;

INSERT INTO installation (id)
WITH random (hex) AS MATERIALIZED (SELECT lower(hex(randomblob(16))))
-- The form of a version 4 UUID: RFC 9562, part 5.4.
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-4' || substr(hex, 14, 3) || '-'
       || substr('89ab', 1 + (unicode(substr(hex, 17, 1)) & 3), 1) || substr(hex, 18, 3) || '-'
       || substr(hex, 21, 12)
  FROM random;

-- Also written by the host application, with nothing but id, patient_id and fee: the rest has defaults.
CREATE TABLE konsultasis (
    id         INTEGER PRIMARY KEY,
    patient_id INTEGER NOT NULL,
    -- TEXT, as SQLite has no exact decimal: a number that the host writes is kept as its digits.
    fee        TEXT NOT NULL CHECK (
        fee GLOB '[0-9]*' AND fee NOT GLOB '*[^0-9.]*' AND fee NOT GLOB '*.*.*' AND fee NOT GLOB '*.'
    ),
    currency   TEXT NOT NULL DEFAULT 'PHP' CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    status     TEXT NOT NULL DEFAULT 'scheduled',
    tax_exempt INTEGER NOT NULL DEFAULT FALSE CHECK (tax_exempt IN (FALSE, TRUE)),
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

CREATE TABLE payments (
    -- AUTOINCREMENT: a number is never given twice, also after a row is gone.
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What Stripe and signed addresses know the payment by; a repeated write recognises itself by it.
    reference         TEXT NOT NULL UNIQUE CHECK (length(reference) = 36),
    user_id           INTEGER NOT NULL,
    consultation_id   INTEGER NOT NULL REFERENCES konsultasis (id),
    amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
    currency          TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    -- ISO 4217 knows up to four. Kept with the row, as the standard may change and the row must not.
    currency_decimals INTEGER NOT NULL CHECK (currency_decimals BETWEEN 0 AND 4),
    -- For people and their queries: the exact decimal, worked out from the one truth beside it.
    amount            TEXT NOT NULL GENERATED ALWAYS AS (
        CASE currency_decimals
            WHEN 0 THEN format('%d', amount_minor)
            WHEN 1 THEN format('%d.%01d', amount_minor / 10, amount_minor % 10)
            WHEN 2 THEN format('%d.%02d', amount_minor / 100, amount_minor % 100)
            WHEN 3 THEN format('%d.%03d', amount_minor / 1000, amount_minor % 1000)
            WHEN 4 THEN format('%d.%04d', amount_minor / 10000, amount_minor % 10000)
        END
    ) VIRTUAL,
    payment_method    TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (
        status IN ('pending', 'processing', 'completed', 'failed', 'cancelled', 'expired', 'refunded')
    ),
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL
) STRICT;

-- THE guarantee: whatever the cache, the lock, the servers and the network do, a consultation has at
-- most one active payment.
CREATE UNIQUE INDEX payments_one_active ON payments (consultation_id)
    WHERE status IN ('pending', 'processing', 'completed');
CREATE INDEX payments_by_user ON payments (user_id, id);
CREATE INDEX payments_by_consultation ON payments (consultation_id);

-- Recorded beside the payment, not added to it. The order of ids is the order of the rules.
CREATE TABLE tax_records (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id        INTEGER NOT NULL REFERENCES payments (id),
    tax_type          TEXT NOT NULL,
    -- Parts of a million, exact: 120000 is 12 %.
    tax_rate_ppm      INTEGER NOT NULL CHECK (tax_rate_ppm >= 0),
    tax_rate          TEXT NOT NULL GENERATED ALWAYS AS (
        rtrim(rtrim(format('%d.%04d', tax_rate_ppm / 10000, tax_rate_ppm % 10000), '0'), '.')
    ) VIRTUAL,
    tax_amount_minor  INTEGER NOT NULL CHECK (tax_amount_minor >= 0),
    currency_decimals INTEGER NOT NULL CHECK (currency_decimals BETWEEN 0 AND 4),
    tax_amount        TEXT NOT NULL GENERATED ALWAYS AS (
        CASE currency_decimals
            WHEN 0 THEN format('%d', tax_amount_minor)
            WHEN 1 THEN format('%d.%01d', tax_amount_minor / 10, tax_amount_minor % 10)
            WHEN 2 THEN format('%d.%02d', tax_amount_minor / 100, tax_amount_minor % 100)
            WHEN 3 THEN format('%d.%03d', tax_amount_minor / 1000, tax_amount_minor % 1000)
            WHEN 4 THEN format('%d.%04d', tax_amount_minor / 10000, tax_amount_minor % 10000)
        END
    ) VIRTUAL
) STRICT;

CREATE INDEX tax_records_by_payment ON tax_records (payment_id);

CREATE TABLE invoices (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    -- UNIQUE: a payment has one invoice.
    payment_id        INTEGER NOT NULL UNIQUE REFERENCES payments (id),
    invoice_number    TEXT NOT NULL UNIQUE,
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
    status            TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'void', 'refunded')),
    issued_at         TEXT NOT NULL,
    updated_at        TEXT NOT NULL
) STRICT;

-- Written in the payment's own transaction, so that a key stands if and only if its payment does. A
-- key that lost to another key's payment is not in here.
CREATE TABLE idempotency_keys (
    user_id     INTEGER NOT NULL,
    key         TEXT NOT NULL,
    -- SHA-256 of the request the key stands for, in hexadecimal digits.
    fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),
    payment_id  INTEGER NOT NULL REFERENCES payments (id),
    created_at  TEXT NOT NULL,
    -- Keys belong to their user: the same key from another user is another key.
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_by_payment ON idempotency_keys (payment_id);

-- The intent is committed before Stripe is called, under a random name that the call carries.
CREATE TABLE checkout_sessions (
    id              TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    payment_id      INTEGER NOT NULL REFERENCES payments (id),
    -- The payment's, repeated here for the index below.
    consultation_id INTEGER NOT NULL REFERENCES konsultasis (id),
    state           TEXT NOT NULL CHECK (state IN ('creating', 'open', 'submitted', 'complete', 'expired')),
    -- The exact encoded call: a repeat under the same key has to send the same bytes.
    request         TEXT NOT NULL,
    gateway_id      TEXT UNIQUE,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL
) STRICT;

-- At most one session through which money could still arrive.
CREATE UNIQUE INDEX checkout_sessions_one_live ON checkout_sessions (consultation_id)
    WHERE state IN ('creating', 'open', 'submitted');
CREATE INDEX checkout_sessions_by_payment ON checkout_sessions (payment_id);

-- Money that arrived. The payment intent as key: it is counted once, whoever tells of it.
CREATE TABLE captures (
    payment_intent TEXT NOT NULL PRIMARY KEY,
    payment_id     INTEGER NOT NULL REFERENCES payments (id),
    session_id     TEXT NOT NULL REFERENCES checkout_sessions (id),
    amount_minor   INTEGER NOT NULL,
    currency       TEXT NOT NULL,
    disposition    TEXT NOT NULL CHECK (disposition IN ('settled', 'surplus', 'mismatch')),
    created_at     TEXT NOT NULL
) STRICT;

-- A payment is settled by one capture.
CREATE UNIQUE INDEX captures_one_settled ON captures (payment_id) WHERE disposition = 'settled';
CREATE INDEX captures_by_payment ON captures (payment_id);

-- Webhooks, kept before they are answered.
CREATE TABLE gateway_events (
    id           TEXT NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    object       TEXT,
    payload      TEXT NOT NULL,
    received_at  TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- Microseconds since 1970. NULL: finished, or given up.
    due_at       INTEGER,
    -- Microseconds since 1970. Until then it is somebody's.
    leased_until INTEGER,
    finished_at  TEXT,
    error        TEXT
) STRICT;

CREATE INDEX gateway_events_due ON gateway_events (due_at) WHERE due_at IS NOT NULL;
