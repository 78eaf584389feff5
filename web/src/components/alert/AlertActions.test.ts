import { flushPromises, mount } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Alert } from '@/api/types';
import { i18n } from '@/i18n';
import '@/i18n/admin';
import AlertActions from './AlertActions.vue';

const alert: Alert = {
  alertId: 'M:K1:x/1', ruleId: 'M', severity: 'CRITICAL', orderNo: 'K1', observed: 'a', expected: 'b', detectedAt: '2026-11-22T01:00:00Z', source: 'order', status: 'NEW',
  updatedAt: '2026-11-22T01:00:00Z', facts: {}, audit: [],
};
let calls: { url: string; body: unknown }[];
let refusal: object | undefined;

beforeEach(() => {
  calls = [];
  refusal = undefined;
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    calls.push({ url, body: JSON.parse(String(init.body)) });
    const type = refusal ? 'application/problem+json' : 'application/json';
    return new Response(JSON.stringify(refusal ?? { ...alert, status: 'ACKNOWLEDGED' }), { status: refusal ? 409 : 200, headers: { 'content-type': type } });
  });
});

function open(status: Alert['status'] = 'NEW') {
  return mount(AlertActions, { props: { alert: { ...alert, status } }, global: { plugins: [createPinia(), i18n] } });
}

describe('what can be done to an alert', () => {
  it.each([
    ['NEW', ['alert-acknowledge', 'alert-resolve']],
    ['ACKNOWLEDGED', ['alert-resolve']],
    ['RESOLVED', []],
  ] as const)('depends on its status: %s', (status, buttons) => {
    expect(open(status).findAll('button').map((button) => button.attributes('data-testid'))).toEqual(buttons);
  });

  it('is sent with the note, and hands on the alert as it is then', async () => {
    const page = open();
    await page.get('[data-testid=alert-note]').setValue(' looking ');
    await page.get('[data-testid=alert-acknowledge]').trigger('click');
    await flushPromises();
    expect(calls).toEqual([{ url: '/api/admin/alerts/M%3AK1%3Ax%2F1/acknowledge', body: { note: 'looking' } }]);
    expect(page.emitted('done')).toMatchObject([[{ status: 'ACKNOWLEDGED' }]]);
  });

  it('says why it was refused, and that the alert may have changed', async () => {
    refusal = { code: 'ALERT_CONFLICT', detail: 'the alert is RESOLVED', status: 409, requestId: 'r1' };
    const page = open();
    await page.get('[data-testid=alert-resolve]').trigger('click');
    await flushPromises();
    expect(page.text()).toContain('the alert is RESOLVED');
    expect(page.emitted('refused')).toHaveLength(1);
    expect(page.emitted('done')).toBeUndefined();
  });
});
