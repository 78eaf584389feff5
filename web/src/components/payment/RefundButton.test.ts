import { flushPromises, mount } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PaymentDetail } from '@/api/types';
import { i18n } from '@/i18n';
import '@/i18n/admin';
import RefundButton from './RefundButton.vue';

const paid: PaymentDetail = {
  orderNo: 'K20261122-7F3K9Q2MXA',
  userId: 'u1',
  status: 'PAID',
  paymentStatus: 'COMPLETED',
  amount: 1200,
  payAmount: 1200,
  refund: 'NONE',
  refundable: true,
  createdAt: '2026-11-22T10:00:00Z',
  updatedAt: '2026-11-22T10:01:00Z',
  attempts: [],
  audit: [],
  order: { orderNo: 'K20261122-7F3K9Q2MXA', status: 'PAID', paymentStatus: 'COMPLETED', amount: 1200, currency: 'JPY', lines: [], createdAt: '2026-11-22T10:00:00Z', version: 3, timeline: [] },
};

let calls: { url: string; body: unknown }[];
let refusal: object | undefined;

beforeEach(() => {
  calls = [];
  refusal = undefined;
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    calls.push({ url, body: JSON.parse(String(init.body)) });
    const type = refusal ? 'application/problem+json' : 'application/json';
    return new Response(JSON.stringify(refusal ?? { ...paid.order, status: 'REFUNDED' }), { status: refusal ? 409 : 200, headers: { 'content-type': type } });
  });
});

afterEach(() => {
  document.body.innerHTML = '';
});

async function ask(payment: Partial<PaymentDetail> = {}) {
  const page = mount(RefundButton, { attachTo: document.body, props: { payment: { ...paid, ...payment } }, global: { plugins: [createPinia(), i18n] } });
  await page.get('[data-testid=refund]').trigger('click');
  await flushPromises();
  return page;
}

const dialog = () => document.querySelector('[role=alertdialog]');
const confirm = () => document.querySelector<HTMLButtonElement>('[data-testid=refund-confirm]');

async function give(reason: string): Promise<void> {
  const field = document.querySelector<HTMLTextAreaElement>('[data-testid=refund-reason]');
  if (field) field.value = reason;
  field?.dispatchEvent(new Event('input'));
  await flushPromises();
}

describe('the refund button', () => {
  it('is there only for what can be refunded', () => {
    const page = mount(RefundButton, { attachTo: document.body, props: { payment: { ...paid, refundable: false } }, global: { plugins: [createPinia(), i18n] } });
    expect(page.get('[data-testid=refund]').isVisible()).toBe(false);
  });

  it('asks first, says how much goes where, and wants a reason', async () => {
    await ask();
    expect(dialog()?.textContent).toContain('1,200');
    expect(confirm()?.disabled).toBe(true);
    await give('   ');
    expect(confirm()?.disabled).toBe(true);
    expect(calls).toEqual([]);
    document.body.innerHTML = '';
    await ask({ payAmount: 900 });
    expect(dialog()?.textContent).toMatch(/900.*300/);
  });

  it('sends the reason and what becomes of the pieces', async () => {
    const page = await ask();
    await give(' broken on the way ');
    document.querySelector<HTMLInputElement>('[data-testid=refund-restock]')?.click();
    confirm()?.click();
    await flushPromises();
    expect(calls).toEqual([{ url: '/api/admin/payments/K20261122-7F3K9Q2MXA/refund', body: { reason: 'broken on the way', restock: true } }]);
    expect(page.emitted('changed')).toHaveLength(1);
    expect(dialog()).toBeNull();
  });

  it('shows why it was refused, and asks for the order as it is', async () => {
    refusal = { code: 'ORDER_NOT_REFUNDABLE', detail: 'PayPay refuses the refund', status: 409, requestId: 'r1' };
    const page = await ask();
    await give('x');
    confirm()?.click();
    await flushPromises();
    expect(dialog()?.textContent).toContain('PayPay refuses the refund');
    expect(page.emitted('changed')).toHaveLength(1);
  });

  it('does nothing to an order that changed while somebody thought', async () => {
    const page = await ask();
    await give('x');
    await page.setProps({ payment: { ...paid, status: 'REFUNDED', refundable: false } });
    expect(document.querySelector('[data-testid=refund-overtaken]')).not.toBeNull();
    expect(confirm()?.disabled).toBe(true);
  });
});
