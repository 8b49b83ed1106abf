export { default as PaymentModal } from './PaymentModal.vue';
export type { Level, PaymentModalEmits, PaymentModalProps, PaymentModalSlots } from './modal.js';
export { MESSAGES, UNREVIEWED } from './messages.js';
export type { Locale, Messages } from './messages.js';
export { decimalsOf, formatAmount } from './money.js';
export { usePayment } from './usePayment.js';
export type { ModalService, Phase, UsePayment, UsePaymentOptions, WayOn } from './usePayment.js';
