export { default as PaymentModal } from './PaymentModal.vue';
export { decimalsOf, formatAmount } from './money.js';
export type { ModalService } from './usePayment.js';
