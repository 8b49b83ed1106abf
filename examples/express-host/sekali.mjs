// What the host asks of Sekali, and the tokens for it.
import jwt from 'jsonwebtoken';

export class Sekali {
  #address;
  #secret;

  // `secret` is Sekali's SEKALI_JWT_SECRET.
  constructor(address, secret) {
    this.#address = address;
    this.#secret = secret;
  }

  // For the patient's browser: who pays, and for how long that is believed.
  patientToken(patient) {
    return this.#token(patient, {}, '15m');
  }

  // Before the patient can pay, Sekali has to know what for. May be repeated.
  async keepConsultation({ id, patient_id, fee, currency }) {
    const answer = await fetch(`${this.#address}/api/v1/consultations/${id}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${this.#token(patient_id, { role: 'service' }, '1m')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ patient_id, fee, currency }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(`Sekali answered ${answer.status}: ${await answer.text()}`);
  }

  #token(user, claims, expiresIn) {
    return jwt.sign(claims, this.#secret, { algorithm: 'HS256', subject: String(user), expiresIn });
  }
}
