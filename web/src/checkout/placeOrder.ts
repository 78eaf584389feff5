import { ordersApi } from '@/api/orders';
import { asApiError } from '@/api/problem';
import type { OrderCreated, OrderRequest } from '@/api/types';
import { backoffDelay } from '@/live/backoff';
import { rememberChannel } from '@/live/channelStore';
import { rememberPayment } from '@/live/paymentStore';
import { beginAttempt, endAttempt } from './attempt';

const TRIES = 4;

/**
 * Places an order and keeps asking, with one key, until there is an answer or the tries are used up. Rejects with the
 * last problem; if that one `isUnanswered`, the key is kept and the same order may be placed again.
 */
export async function placeOrder(userId: string, request: OrderRequest, pause = wait): Promise<OrderCreated> {
  const attempt = beginAttempt(userId, request);
  for (let tries = 1; ; tries += 1) {
    try {
      const created = await ordersApi.create(attempt.request, attempt.key);
      if (created.channel) rememberChannel(created.orderNo, created.channel);
      if (created.payment) rememberPayment(created.orderNo, created.payment);
      endAttempt(attempt.key);
      return created;
    } catch (thrown) {
      const problem = asApiError(thrown);
      // After a 401 the buyer logs in and comes back to the same attempt.
      if (!problem.isUnanswered && problem.status !== 401) endAttempt(attempt.key);
      if (!problem.isUnanswered || tries === TRIES) throw problem;
      await pause(Math.max((problem.retryAfter ?? 0) * 1000, backoffDelay(tries)));
    }
  }
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
