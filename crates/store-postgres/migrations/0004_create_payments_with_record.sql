DROP FUNCTION sekali_create_payments(
    boolean, uuid[], bigint[], bigint[], text[], bytea[], text[], bigint[], text[], smallint[],
    boolean[], timestamptz[], bigint[], text[], bigint[], bigint[]);

-- Writes payments with their taxes, invoices, idempotency keys, the first entry of their record and what
-- the outbox needs, and returns those it wrote; item is the position in the arrays, from 1. Whatever is
-- not returned left no trace. The version before it goes: a payment without a record must not be made.
--
-- A function, because one statement is not enough: it would look at the payments as they were when
-- it began to wait for a consultation's lock, and not see the one that the winner has committed
-- meanwhile. In a VOLATILE function each statement sees what is committed when that statement
-- begins, and the whole is still one round trip and one transaction.
--
-- p_waiting false is for batches: a consultation that somebody else holds is left out, so that one
-- held row delays nobody else's payment. p_waiting true waits for it (up to lock_timeout) and is for
-- single items: whoever waits for a consultation then holds nothing. Keys are inserted in their
-- order, and nobody waits for a consultation with a key in hand, so that there is no circle to wait in.
CREATE FUNCTION sekali_create_payments(
    p_waiting boolean,
    p_reference uuid[], p_user_id bigint[], p_consultation_id bigint[],
    p_key text[], p_fingerprint bytea[], p_method text[],
    p_amount_minor bigint[], p_currency text[], p_currency_decimals smallint[],
    p_tax_exempt boolean[], p_at timestamptz[],
    p_tax_item bigint[], p_tax_type text[], p_tax_rate_ppm bigint[], p_tax_amount_minor bigint[],
    p_event_seq bigint[], p_event_at timestamptz[], p_event_kind text[], p_event_data text[],
    p_event_announces text[], p_event_prev_hash bytea[], p_event_hash bytea[]
) RETURNS TABLE (item bigint, payment_id bigint, invoice_id bigint)
    LANGUAGE plpgsql VOLATILE
    -- The plans are made once and kept. One made while the tables are small would read them from end
    -- to end for ever; these switches leave only the way through the indexes.
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    locked bigint[];
BEGIN
    IF p_waiting THEN
        SELECT array_agg(held.item) INTO locked FROM (
            SELECT wanted.item
              FROM unnest(p_consultation_id, p_user_id, p_amount_minor, p_currency_decimals, p_currency, p_tax_exempt)
                   WITH ORDINALITY AS wanted (id, patient_id, minor, decimals, currency, tax_exempt, item)
              JOIN konsultasis k ON k.id = wanted.id
             WHERE k.patient_id = wanted.patient_id
               AND k.fee = minor_to_decimal(wanted.minor, wanted.decimals)
               AND k.currency = wanted.currency
               AND k.tax_exempt = wanted.tax_exempt
             ORDER BY k.id
               FOR NO KEY UPDATE OF k
        ) held;
    ELSE
        SELECT array_agg(held.item) INTO locked FROM (
            SELECT wanted.item
              FROM unnest(p_consultation_id, p_user_id, p_amount_minor, p_currency_decimals, p_currency, p_tax_exempt)
                   WITH ORDINALITY AS wanted (id, patient_id, minor, decimals, currency, tax_exempt, item)
              JOIN konsultasis k ON k.id = wanted.id
             WHERE k.patient_id = wanted.patient_id
               AND k.fee = minor_to_decimal(wanted.minor, wanted.decimals)
               AND k.currency = wanted.currency
               AND k.tax_exempt = wanted.tax_exempt
             ORDER BY k.id
               FOR NO KEY UPDATE OF k SKIP LOCKED
        ) held;
    END IF;
    IF locked IS NULL THEN
        RETURN;
    END IF;

    -- One statement, so that the keys can name payments that it is only about to insert: foreign
    -- keys are checked at its end. The key goes first: who does not win it writes nothing.
    RETURN QUERY
    WITH wanted AS MATERIALIZED (
        SELECT w.*
          FROM unnest(p_reference, p_user_id, p_consultation_id, p_key, p_fingerprint, p_method,
                      p_amount_minor, p_currency, p_currency_decimals, p_at, p_event_seq, p_event_at,
                      p_event_kind, p_event_data, p_event_announces, p_event_prev_hash, p_event_hash)
               WITH ORDINALITY AS w (reference, user_id, consultation_id, key, fingerprint, method,
                                     minor, currency, decimals, at, event_seq, event_at,
                                     event_kind, event_data, event_announces, event_prev_hash, event_hash,
                                     item)
         WHERE w.item = ANY (locked)
           -- LIMIT keeps this a look-up for each item: NOT EXISTS would be planned as a join that
           -- reads every active payment there is.
           AND (SELECT active.id FROM payments active
                 WHERE active.consultation_id = w.consultation_id
                   AND active.status IN ('pending', 'processing', 'completed')
                 LIMIT 1) IS NULL
    ), keyed AS (
        INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at)
        SELECT user_id, key, fingerprint, nextval('payments_id_seq'), at
          FROM wanted
         ORDER BY user_id, key
            ON CONFLICT (user_id, key) DO NOTHING
        RETURNING user_id, key, payment_id
    ), won AS MATERIALIZED (
        SELECT keyed.payment_id, wanted.* FROM keyed JOIN wanted USING (user_id, key)
    ), paid AS (
        INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency,
                              currency_decimals, payment_method, status, created_at, updated_at)
        SELECT payment_id, reference, user_id, consultation_id, minor, currency,
               decimals, method, 'pending', at, at
          FROM won
    ), taxed AS (
        INSERT INTO tax_records (payment_id, tax_type, tax_rate_ppm, tax_amount_minor, currency_decimals)
        SELECT won.payment_id, tax.type, tax.rate_ppm, tax.minor, won.decimals
          FROM unnest(p_tax_item, p_tax_type, p_tax_rate_ppm, p_tax_amount_minor)
               WITH ORDINALITY AS tax (item, type, rate_ppm, minor, position)
          JOIN won ON won.item = tax.item
         ORDER BY tax.position
    ), invoiced AS (
        INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals,
                              status, issued_at, updated_at)
        SELECT payment_id,
               'INV-' || to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')
                   || '-' || lpad(payment_id::text, greatest(6, length(payment_id::text)), '0'),
               minor, currency, decimals, 'pending', at, at
          FROM won
         ORDER BY item
        RETURNING payment_id, id
    ), recorded AS (
        INSERT INTO payment_events (payment_id, seq, at, kind, data, announces, prev_hash, hash)
        SELECT payment_id, event_seq, event_at, event_kind, event_data, event_announces,
               event_prev_hash, event_hash
          FROM won
         ORDER BY item
    ), announced AS (
        INSERT INTO outbox (payment_id, last_seq, due_at)
        SELECT payment_id, event_seq, event_at FROM won WHERE event_announces IS NOT NULL
    )
    SELECT won.item, won.payment_id, invoiced.id
      FROM invoiced JOIN won ON won.payment_id = invoiced.payment_id;
END
$$;
