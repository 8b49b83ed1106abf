import paymentService from '@sekali/client';
import { PaymentModal } from '@sekali/vue';
import '@sekali/vue/style.css';
import { createApp, h, ref } from 'vue';

const { consultation_id, fee, token } = JSON.parse(sessionStorage.getItem('sekali:demo'));
paymentService.configure({ getToken: () => token });

const open = ref(false);

createApp({
  render: () => [
    h('button', { type: 'button', onClick: () => (open.value = true) }, 'Buka'),
    h(PaymentModal, {
      consultationId: consultation_id,
      amount: Number(fee),
      open: open.value,
      'onUpdate:open': (shown) => (open.value = shown),
    }),
  ],
}).mount('#app');
