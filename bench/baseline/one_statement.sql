-- The same work as one statement, and so one round trip.
\set n :n + 1
\set consultation :first + :client_id * :each + :n
WITH consultation AS (
  SELECT id, patient_id, fee FROM konsultasis WHERE id = :consultation AND patient_id = :consultation FOR UPDATE
), active AS (
  SELECT id FROM payments WHERE consultation_id = :consultation AND user_id = :consultation AND status IN ('pending', 'processing', 'completed') FOR UPDATE
), paid AS (
  INSERT INTO payments (user_id, consultation_id, amount, payment_method, status, idempotency_key)
  SELECT patient_id, id, fee, 'stripe', 'pending', 'payment-1705321200000-a3d5f2c1-9e8b-4f6d-8a2c-' || lpad(id::text, 12, '0')
    FROM consultation WHERE NOT EXISTS (SELECT FROM active)
  RETURNING id, amount
), taxed AS (
  INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount)
  SELECT paid.id, tax.type, tax.rate, round(paid.amount * tax.rate / 100, 2)
    FROM paid, (VALUES ('VAT', 12), ('PPh', 15)) AS tax (type, rate)
)
INSERT INTO invoices (payment_id, invoice_number, amount, status)
SELECT id, 'INV-20240115103000-' || lpad(id::text, greatest(6, length(id::text)), '0'), amount, 'pending' FROM paid
RETURNING payment_id, id;
