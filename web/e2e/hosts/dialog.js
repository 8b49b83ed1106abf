import paymentService from '@sekali/client';
import { PaymentModal } from '@sekali/vue';
import '@sekali/vue/style.css';
import { createApp, h, ref } from 'vue';

const { consultation_id, fee, token } = JSON.parse(sessionStorage.getItem('sekali:demo'));
paymentService.configure({ getToken: () => token });

const open = ref(false);
/** A host that takes the modal off the page instead of closing it. */
const there = ref(true);
/** Props of the test's own, from the address; with `stay` the page does not move on. */
const { stay, ...more } = Object.fromEntries(new URLSearchParams(location.search));
if (stay) more.navigate = () => undefined;

window.host = {
  remove: () => (there.value = false),
};

createApp({
  render: () =>
    h('main', [
      h('h1', 'Konsultasi'),
      h('button', { type: 'button', onClick: () => (open.value = true) }, 'Buka'),
      there.value &&
        h(PaymentModal, {
          consultationId: consultation_id,
          amount: Number(fee),
          open: open.value,
          'onUpdate:open': (shown) => (open.value = shown),
          ...more,
        }),
      h('button', { type: 'button' }, 'Di luar'),
    ]),
}).mount('#app');
