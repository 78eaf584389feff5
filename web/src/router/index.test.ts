import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createShopRouter } from './index';

let role: string | undefined;

beforeEach(() => {
  setActivePinia(createPinia());
  vi.stubGlobal('scrollTo', () => undefined);
  vi.stubGlobal('fetch', async () => {
    const user = { userId: 'u1', role, expiresAt: '2026-11-22T12:00:00Z' };
    return new Response(JSON.stringify(role === undefined ? { authenticated: false } : { authenticated: true, user }));
  });
});

/** Where somebody with a role who asks for an address gets. */
async function visit(address: string, as: string | undefined) {
  role = as;
  const router = createShopRouter();
  await router.push(address);
  const { name, fullPath, query } = router.currentRoute.value;
  return { name, fullPath, query };
}

describe('the console', () => {
  it('wants a login first, and remembers where one was going', async () => {
    expect(await visit('/admin/sagas/K1?x=1', undefined)).toMatchObject({ name: 'login', query: { redirect: '/admin/sagas/K1?x=1' } });
  });

  it.each(['/admin', '/admin/sagas', '/admin/sagas/K1', '/admin/state-machines', '/admin/state-machines/trip'])('is not there for shoppers: %s', async (address) => {
    const { name, fullPath } = await visit(address, 'buyer');
    expect(name).toBe('not-found');
    expect(fullPath.startsWith(address)).toBe(true);
  });

  it.each([
    ['/admin', 'sagas'],
    ['/admin/sagas/K1', 'saga'],
    ['/admin/state-machines', 'state-machines'],
    ['/admin/state-machines/trip', 'state-machine'],
  ])('is there for operators: %s', async (address, name) => {
    expect((await visit(address, 'admin')).name).toBe(name);
  });
});
