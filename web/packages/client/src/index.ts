import { createPaymentService } from './service.js';

export { createPaymentService };
export type * from './types.js';

/** The service as the original's components import it: on the page's own origin until configured otherwise. */
const paymentService = createPaymentService();

export default paymentService;
