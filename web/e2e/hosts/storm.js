import { createPaymentService } from '@sekali/client';

// A button without any guard: each click is a client of its own, which knows of no other click, keeps
// nothing, and makes a key of its own.
const { consultation_id, fee, token } = JSON.parse(sessionStorage.getItem('sekali:demo'));
const button = document.createElement('button');
button.textContent = 'Pay';
const results = [];
window.results = results;
button.addEventListener('click', async () => {
  const service = createPaymentService({ getToken: () => token, storage: null });
  const { status, data } = await service.createPayment({
    consultationId: consultation_id,
    amount: fee,
    paymentMethod: 'stripe',
  });
  results.push({ status, id: data?.paymentId, url: data?.checkout_url });
});
document.querySelector('#app').append(button);
