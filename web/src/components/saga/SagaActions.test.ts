import { flushPromises, mount } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Saga } from '@/api/types';
import { i18n } from '@/i18n';
import '@/i18n/admin';
import { parkedTrip } from '@/sagas/fixtures';
import SagaActions from './SagaActions.vue';

let calls: { url: string; body: unknown }[];
let refusal: object | undefined;

beforeEach(() => {
  calls = [];
  refusal = undefined;
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    calls.push({ url, body: JSON.parse(String(init.body)) });
    const type = refusal ? 'application/problem+json' : 'application/json';
    return new Response(JSON.stringify(refusal ?? { ...parkedTrip, phase: 'COMPENSATED' }), { status: refusal ? 409 : 200, headers: { 'content-type': type } });
  });
});

afterEach(() => {
  document.body.innerHTML = '';
});

function open(saga: Partial<Saga> = {}) {
  return mount(SagaActions, { attachTo: document.body, props: { saga: { ...parkedTrip, ...saga } }, global: { plugins: [createPinia(), i18n] } });
}

const dialog = () => document.querySelector('[role=alertdialog]');
const confirm = () => document.querySelector<HTMLButtonElement>('[data-testid=saga-confirm]');

describe('an operator’s buttons', () => {
  it('are those that the saga allows', () => {
    const shown = (saga: Partial<Saga>) => open(saga).findAll('button').map((button) => button.attributes('data-testid'));
    expect(shown({})).toEqual(['saga-retry', 'saga-compensate']);
    expect(shown({ actions: [] })).toEqual([]);
  });

  it('ask first, and say what would be undone', async () => {
    const page = open();
    await page.get('[data-testid=saga-compensate]').trigger('click');
    await flushPromises();
    expect(dialog()?.textContent).toContain('逆の順に取り消します');
    expect([...(dialog()?.querySelectorAll('li') ?? [])].map((item) => item.textContent)).toEqual(['BookSeat (FreeSeat)']);
    expect(calls).toEqual([]);
  });

  it.each([
    [{ phase: 'PARKED' }, ['数え直して', 'FreeSeat から取り消しを続けます']],
    [{ phase: 'RECOVERING', nextAt: '2026-11-22T10:01:00Z', compensationStatus: undefined }, [':01:00', 'FreeSeat からやり直します']],
  ] as [Partial<Saga>, string[]][])('tell what retrying does to %j', async (saga, words) => {
    const page = open(saga);
    await page.get('[data-testid=saga-retry]').trigger('click');
    await flushPromises();
    for (const word of words) expect(dialog()?.textContent).toContain(word);
  });

  it('send the reason, and hand on the saga as it is then', async () => {
    const page = open();
    await page.get('[data-testid=saga-retry]').trigger('click');
    await flushPromises();
    const reason = document.querySelector<HTMLTextAreaElement>('[data-testid=saga-reason]');
    if (reason) reason.value = ' the counter has opened ';
    reason?.dispatchEvent(new Event('input'));
    confirm()?.click();
    await flushPromises();
    expect(calls).toEqual([{ url: '/api/admin/sagas/trip-1/retry', body: { reason: 'the counter has opened' } }]);
    expect(page.emitted('steered')).toMatchObject([[{ phase: 'COMPENSATED' }]]);
    expect(dialog()).toBeNull();
  });

  it('show why they were refused', async () => {
    refusal = { code: 'SAGA_CONFLICT', detail: 'somebody works on it', status: 409, requestId: 'r1' };
    const page = open();
    await page.get('[data-testid=saga-retry]').trigger('click');
    await flushPromises();
    confirm()?.click();
    await flushPromises();
    expect(dialog()?.textContent).toContain('somebody works on it');
    expect(page.emitted('refused')).toHaveLength(1);
    expect(page.emitted('steered')).toBeUndefined();
  });

  it('do nothing to a saga that moved on while somebody thought', async () => {
    const page = open();
    await page.get('[data-testid=saga-retry]').trigger('click');
    await flushPromises();
    await page.setProps({ saga: { ...parkedTrip, phase: 'COMPENSATED', actions: [] } });
    expect(document.querySelector('[data-testid=saga-overtaken]')).not.toBeNull();
    expect(confirm()?.disabled).toBe(true);
  });
});
