import paymentService from '@sekali/client';
import { createApp } from 'vue';
import OriginalPayment from './OriginalPayment.vue';

const { consultation_id, fee, token } = JSON.parse(sessionStorage.getItem('sekali:demo'));
paymentService.configure({ getToken: () => token });
createApp(OriginalPayment, { consultationId: consultation_id, amount: Number(fee) }).mount('#app');
