import { flushPromises, mount } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMemoryHistory, createRouter } from 'vue-router';
import type { Router } from 'vue-router';
import type { Order } from '@/api/types';
import { i18n } from '@/i18n';
import { rememberPayment } from '@/live/paymentStore';
import PayView from './PayView.vue';

const orderNo = 'K20261122-7F3K9Q2MXA';
const expiresAt = new Date(Date.now() + 300_000).toISOString();
const waiting: Order = {
  orderNo,
  status: 'WAITING_PAYMENT',
  paymentStatus: 'CREATED',
  amount: 7480,
  balanceAmount: 3000,
  currency: 'JPY',
  lines: [{ productId: 1001, name: '粉引きのマグカップ', unitPrice: 7480, quantity: 1 }],
  createdAt: new Date().toISOString(),
  expiresAt,
  version: 2,
  timeline: [],
};

/** The socket that the page opened, with the server's end in the test's hand. */
class ServerEnd {
  static last: ServerEnd | undefined;
  readyState = 1;
  onmessage: ((event: { data: string }) => void) | undefined;
  constructor() {
    ServerEnd.last = this;
  }
  send(): void {}
  close(): void {}
  push(type: string, order: object): void {
    this.onmessage?.({ data: JSON.stringify({ type, order }) });
  }
}

const answer = (body: unknown) => new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });
let router: Router;
let calls: string[];

beforeEach(async () => {
  calls = [];
  vi.stubGlobal('WebSocket', ServerEnd);
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    calls.push(`${init.method} ${url}`);
    if (url.endsWith('/channel')) return answer({ token: 't', url: 'ws://shop/ws/orders', expiresAt });
    if (url.endsWith('/payment')) return answer({ url: 'http://paypay/pay/c2', deeplink: 'paypay://c2', expiresAt, status: 'WAITING_PAYMENT', amount: 4480 });
    if (url.endsWith('/cancel')) return answer({ ...waiting, status: 'FAILED', failCode: 'CANCELED_BY_USER', version: 3 });
    return answer(waiting);
  });
  rememberPayment(orderNo, { provider: 'paypay', url: 'http://paypay/pay/c1', deeplink: 'paypay://c1', expiresAt });
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/orders/:orderNo/pay', name: 'pay', component: PayView },
      ...['products/:id', 'orders/:orderNo', 'orders/:orderNo/result'].map((path) => ({
        path: `/${path}`,
        name: { 'products/:id': 'product', 'orders/:orderNo': 'order' }[path] ?? 'result',
        component: { render: () => null },
      })),
    ],
  });
  await router.push(`/orders/${orderNo}/pay`);
});

afterEach(() => {
  document.body.innerHTML = '';
  sessionStorage.clear();
});

async function open() {
  const page = mount(PayView, { attachTo: document.body, global: { plugins: [router, createPinia(), i18n] } });
  await flushPromises();
  return page;
}

describe('the payment page', () => {
  it('shows the code, what PayPay is to get, the time left and the link', async () => {
    const page = await open();
    expect(page.get('[data-testid=pay-qr]').attributes('src')).toBe(`/api/orders/${orderNo}/qrcode`);
    expect(page.get('[data-testid=pay-amount]').text()).toContain('¥4,480');
    expect(page.get('[data-testid=pay-countdown]').text()).toMatch(/^[45]:\d\d$/);
    expect(page.get('[data-testid=pay-open-link]').attributes()).toMatchObject({ href: 'http://paypay/pay/c1', target: '_blank' });
    expect(calls).not.toContain(`GET /api/orders/${orderNo}/payment`);
    page.unmount();
  });

  it('asks where to pay in a tab that did not place the order', async () => {
    sessionStorage.clear();
    const page = await open();
    await vi.waitFor(() => expect(page.get('[data-testid=pay-open-link]').attributes('href')).toBe('http://paypay/pay/c2'));
    page.unmount();
  });

  it.each(['PAID', 'FAILED', 'REFUNDED'])('goes to the result when %s is pushed', async (status) => {
    const page = await open();
    ServerEnd.last?.push('SNAPSHOT', waiting);
    await flushPromises();
    expect(router.currentRoute.value.name).toBe('pay');
    ServerEnd.last?.push('ORDER_UPDATED', { orderNo, status, version: 3 });
    await vi.waitFor(() => expect(router.currentRoute.value.name).toBe('result'));
    page.unmount();
  });

  it('cancels only after a second yes', async () => {
    const page = await open();
    await page.get('[data-testid=pay-cancel]').trigger('click');
    await flushPromises();
    expect(calls.some((call) => call.endsWith('/cancel'))).toBe(false);
    document.querySelector<HTMLElement>('[data-testid=pay-cancel-confirm]')?.click();
    await vi.waitFor(() => expect(router.currentRoute.value.name).toBe('result'));
    expect(calls).toContain(`POST /api/orders/${orderNo}/cancel`);
    page.unmount();
  });
});
