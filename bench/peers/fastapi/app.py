"""The payments API: FastAPI, asyncpg, and idempotency by Redis' SET NX."""

import json
import os
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Literal

import asyncpg
import jwt
import redis.asyncio as redis
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from database import NotYours, Unknown, WrongAmount, create_payment, list_payments, put_consultation

GUARDED = os.environ.get("PEER_TRUST") != "middleware"
SECRET = os.environ["JWT_SECRET"]
IN_PROGRESS = "in progress"
PROGRESS_SECONDS = 30
RESULT_SECONDS = 24 * 3600


@asynccontextmanager
async def lifespan(app: FastAPI):
    size = int(os.environ.get("POOL", "8"))
    app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=size, max_size=size)
    app.state.redis = redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    yield
    await app.state.redis.aclose()
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan, openapi_url=None)


class User(BaseModel):
    id: int
    role: str


class NewPayment(BaseModel):
    consultation_id: int
    amount: Decimal = Field(gt=0)
    payment_method: Literal["stripe"]


class Consultation(BaseModel):
    patient_id: int
    fee: Decimal = Field(gt=0)
    currency: str = "PHP"


def current_user(authorization: Annotated[str, Header()] = "") -> User:
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme != "Bearer":
            raise jwt.InvalidTokenError
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        return User(id=int(claims["sub"]), role=claims.get("role", "patient"))
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise HTTPException(401, "Unauthorized") from None


@app.post("/api/v1/payments")
async def pay(
    payment: NewPayment,
    user: Annotated[User, Depends(current_user)],
    x_idempotency_key: Annotated[str, Header(min_length=1)],
):
    name = f"idempotency:{user.id}:{x_idempotency_key}"
    cache: redis.Redis = app.state.redis
    if not await cache.set(name, IN_PROGRESS, nx=True, ex=PROGRESS_SECONDS):
        kept = await cache.get(name)
        if kept is None or kept == IN_PROGRESS:
            return JSONResponse({"detail": "In progress"}, 409, {"Retry-After": "1"})
        answer = json.loads(kept)
        return JSONResponse(answer["body"], answer["status"])
    try:
        status, body = await work(user, payment, x_idempotency_key)
    except BaseException:
        await cache.delete(name)
        raise
    await cache.set(name, json.dumps({"status": status, "body": body}), ex=RESULT_SECONDS)
    return JSONResponse(body, status)


async def work(user: User, payment: NewPayment, key: str) -> tuple[int, dict]:
    try:
        existing, created = await create_payment(app.state.pool, user.id, payment, key, GUARDED)
    except Unknown:
        raise HTTPException(404, "No such consultation") from None
    except NotYours:
        raise HTTPException(403, "Not your consultation") from None
    except WrongAmount:
        raise HTTPException(422, "Not the fee") from None
    if existing:
        data = {"type": "existing", "payment_id": existing["id"], "status": existing["status"]}
        return 409, {"data": data, "message": "Duplicate payment request detected"}
    data = {"type": "new", "payment_id": created["payment"]["id"], **created}
    return 201, {"data": data, "message": "Pembayaran berhasil dibuat"}


@app.get("/api/v1/payments")
async def payments(consultation_id: int, user: Annotated[User, Depends(current_user)]):
    return {"data": await list_payments(app.state.pool, user.id, consultation_id)}


@app.put("/api/v1/consultations/{id}")
async def consultation(id: int, body: Consultation, user: Annotated[User, Depends(current_user)]):
    if user.role != "service":
        raise HTTPException(403, "Not for you")
    await put_consultation(app.state.pool, id, body.patient_id, body.fee, body.currency)
    return {"data": {"id": id}}
