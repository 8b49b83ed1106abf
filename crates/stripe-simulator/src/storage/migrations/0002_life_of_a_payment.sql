-- A second thing that lists are filtered by: the charge of a refund or dispute, the e-mail of a session, whether an
-- event was delivered.
ALTER TABLE objects ADD COLUMN second TEXT;
CREATE INDEX objects_second ON objects (kind, second, seq);

-- An event counts the receivers that still have to answer, where it had a flag before.
UPDATE objects SET body = replace(replace(body, '"pending":true', '"pending":1'), '"pending":false', '"pending":0')
    WHERE kind = 'event';

-- Leases are of the processes' own time: the simulated clock may be moved while a request is in flight.
ALTER TABLE idempotency_keys ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;

-- An event may go to several receivers, and to one of them more than once.
ALTER TABLE deliveries RENAME TO deliveries_before;
DROP INDEX deliveries_pending;
CREATE TABLE deliveries (
    seq         {serial},
    event_id    TEXT NOT NULL,
    -- The place of the receiver's address in the configuration, from 0.
    endpoint    BIGINT NOT NULL,
    -- Events of one thread (a checkout session) are attempted one after the other, in order.
    thread      TEXT NOT NULL,
    attempts    BIGINT NOT NULL,
    -- The simulated clock's, in milliseconds.
    next_at     BIGINT NOT NULL,
    -- The process's own clock, in milliseconds.
    lease_until BIGINT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'given_up')),
    -- 1: waits until a later event of its thread was delivered, or until next_at.
    overtaken   BIGINT NOT NULL DEFAULT 0
);
INSERT INTO deliveries (event_id, endpoint, thread, attempts, next_at, lease_until, state)
    SELECT event_id, 0, thread, attempts, next_at, lease_until, state FROM deliveries_before ORDER BY seq;
DROP TABLE deliveries_before;
CREATE INDEX deliveries_pending ON deliveries (endpoint, thread, seq) WHERE state = 'pending';
CREATE INDEX deliveries_event ON deliveries (event_id);

-- What is set while the simulator runs: how far the clock was moved.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
