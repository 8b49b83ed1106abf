// Receives Sekali's messages (Standard Webhooks, https://www.standardwebhooks.com).
import express from 'express';
import { Webhook } from 'standardwebhooks';

// The handlers of one route. `secrets` are those shared with Sekali: one, or two while they are
// exchanged. `take(id, message)` keeps a message for good before it returns; only then is it
// acknowledged, and whatever it throws lets Sekali send the message again.
export function sekaliWebhooks(secrets, take) {
  if (secrets.length === 0) throw new Error('no secret to verify messages with');
  const verifiers = secrets.map((secret) => new Webhook(secret));
  return [
    // The signature is over the bytes as they came, so nothing may parse them before.
    express.raw({ type: 'application/json', limit: '64kb' }),
    (request, response) => {
      const message = verified(verifiers, request);
      if (message === undefined) {
        response.status(400).json({ error: 'not a message of Sekali’s' });
        return;
      }
      take(request.headers['webhook-id'], message);
      response.status(204).end();
    },
  ];
}

// The library compares in constant time, and refuses what is over five minutes old or early.
function verified(verifiers, { body, headers }) {
  if (!Buffer.isBuffer(body)) return undefined;
  for (const verifier of verifiers) {
    try {
      return verifier.verify(body, headers);
    } catch {
      // Another secret may be the one that it was signed with.
    }
  }
  return undefined;
}
