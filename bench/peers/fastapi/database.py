"""The original's transaction, with asyncpg (which prepares and keeps its statements)."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

ACTIVE = """SELECT id, status FROM payments WHERE consultation_id = $1 AND user_id = $2
  AND status IN ('pending', 'processing', 'completed') FOR UPDATE"""
PAYMENT = """INSERT INTO payments (user_id, consultation_id, amount, payment_method, idempotency_key)
  VALUES ($1, $2, $3, $4, $5) RETURNING *"""
TAX = """INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount)
  VALUES ($1, $2, $3, $4)"""
INVOICE = "INSERT INTO invoices (payment_id, invoice_number, amount) VALUES ($1, $2, $3) RETURNING *"
TAXES = (("VAT", Decimal(12)), ("PPh", Decimal(15)))


class Unknown(Exception):
    """There is no such consultation."""


class NotYours(Exception):
    """It is somebody else's."""


class WrongAmount(Exception):
    """It costs something else."""


async def create_payment(pool, user_id, wanted, key, guarded):
    """Makes a payment, or finds the active one; without `guarded` it does not look for one."""
    lock = " FOR UPDATE" if guarded else ""
    async with pool.acquire() as connection, connection.transaction():
        consultation = await connection.fetchrow(
            f"SELECT patient_id, fee FROM konsultasis WHERE id = $1{lock}", wanted.consultation_id
        )
        if consultation is None:
            raise Unknown
        if consultation["patient_id"] != user_id:
            raise NotYours
        if consultation["fee"] != wanted.amount:
            raise WrongAmount
        if guarded:
            active = await connection.fetchrow(ACTIVE, wanted.consultation_id, user_id)
            if active:
                return dict(active), None
        return None, await insert(connection, user_id, wanted, key)


async def insert(connection, user_id, wanted, key):
    payment = await connection.fetchrow(
        PAYMENT, user_id, wanted.consultation_id, wanted.amount, wanted.payment_method, key
    )
    for kind, rate in TAXES:
        amount = (wanted.amount * rate / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        await connection.execute(TAX, payment["id"], kind, rate, amount)
    number = f"INV-{payment['created_at']:%Y%m%d%H%M%S}-{payment['id']:06d}"
    invoice = await connection.fetchrow(INVOICE, payment["id"], number, wanted.amount)
    return {"payment": shown(payment), "invoice": shown(invoice)}


async def put_consultation(pool, id, patient_id, fee, currency):
    await pool.execute(
        """INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES ($1, $2, $3, $4)
           ON CONFLICT (id) DO UPDATE SET patient_id = $2, fee = $3, currency = $4""",
        id, patient_id, fee, currency,
    )


async def list_payments(pool, user_id, consultation_id):
    rows = await pool.fetch(
        "SELECT * FROM payments WHERE user_id = $1 AND consultation_id = $2 ORDER BY id DESC",
        user_id, consultation_id,
    )
    return [shown(row) for row in rows]


def shown(row):
    """A row as JSON has it."""
    text = {Decimal: str, datetime: datetime.isoformat}
    return {name: text.get(type(value), lambda same: same)(value) for name, value in row.items()}
