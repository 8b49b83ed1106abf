-- One text for both databases: {serial} is the only word they spell differently.

CREATE TABLE objects (
    seq     {serial},
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    -- What lists of this kind are filtered by: the payment intent of a session or charge, the type of an event.
    link    TEXT,
    -- Unix seconds at which the object changes by itself: the end of an open session.
    due     BIGINT,
    body    TEXT NOT NULL
);
CREATE INDEX objects_newest ON objects (kind, seq);
CREATE INDEX objects_link ON objects (kind, link, seq);
CREATE INDEX objects_due ON objects (due) WHERE due IS NOT NULL;

CREATE TABLE idempotency_keys (
    key         TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    -- The request that executes, or executed, under the key.
    owner       TEXT NOT NULL,
    claimed_at  BIGINT NOT NULL,
    -- NULL while the request is in flight.
    status      BIGINT,
    body        TEXT
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (claimed_at);

CREATE TABLE deliveries (
    seq         {serial},
    event_id    TEXT NOT NULL UNIQUE,
    -- Events of one thread (a checkout session) are attempted one after the other, in order.
    thread      TEXT NOT NULL,
    attempts    BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'given_up'))
);
CREATE INDEX deliveries_pending ON deliveries (thread, seq) WHERE state = 'pending';
