// The host application: its consultations, the patient's token, and what Sekali tells.
import express from 'express';
import { sekaliWebhooks } from './webhooks.mjs';

export function hostApp({ records, sekali, webhookSecrets }) {
  const app = express();
  app.disable('x-powered-by');
  app.post(
    '/webhooks/sekali',
    ...sekaliWebhooks(webhookSecrets, (id, message) => records.take(id, message)),
  );

  app.post('/consultations', express.json(), loggedIn, (request, response) => {
    const { fee, currency = 'PHP' } = request.body ?? {};
    response
      .status(201)
      .json(records.addConsultation({ patient_id: request.patient, fee, currency }));
  });

  const own = (request, response, next) => {
    const consultation = records.consultation(Number(request.params.id));
    if (consultation?.patient_id !== request.patient)
      return response.status(404).json({ error: 'no such consultation' });
    response.locals.consultation = consultation;
    next();
  };

  app.get('/consultations/:id', loggedIn, own, (request, response) =>
    response.json(response.locals.consultation),
  );

  // What the payment dialog needs. Sekali is told of the consultation each time, so whatever went wrong
  // the last time is made good by asking again.
  app.post('/consultations/:id/payment-token', loggedIn, own, async (request, response) => {
    await sekali.keepConsultation(response.locals.consultation);
    response.set('cache-control', 'no-store').json({ token: sekali.patientToken(request.patient) });
  });

  app.use((error, request, response, next) => {
    console.error(error);
    if (response.headersSent) next(error);
    else response.status(error.status ?? 500).json({ error: 'not done; try again' });
  });
  return app;
}

// Who is logged in is your application's own business: its session belongs in this place. Here anybody
// may say who they are, which is why the example listens on loopback only.
function loggedIn(request, response, next) {
  const patient = Number(request.get('x-example-patient'));
  if (Number.isSafeInteger(patient) && patient > 0) {
    request.patient = patient;
    next();
  } else {
    response.status(401).json({ error: 'nobody is logged in' });
  }
}
