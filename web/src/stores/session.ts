import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { sessionApi } from '@/api/account';
import { identityProvider } from '@/api/identity';
import type { Credentials } from '@/api/identity';
import type { User } from '@/api/types';

/** Who is logged in. The session itself is a cookie that scripts cannot read; this is what the server says of it. */
export const useSessionStore = defineStore('session', () => {
  const user = shallowRef<User>();
  const known = ref(false);
  let asking: Promise<void> | undefined;

  const authenticated = computed(() => user.value !== undefined);
  const isAdmin = computed(() => user.value?.role === 'admin');
  const displayName = computed(() => user.value?.name || user.value?.email || '');

  /** Asks once who it is; later calls wait for the same answer. Rejects when nobody could tell. */
  function ensureKnown(): Promise<void> {
    if (known.value) return Promise.resolve();
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function ask(): Promise<void> {
    const status = await sessionApi.status();
    user.value = status.authenticated ? (status.user ?? undefined) : undefined;
    known.value = true;
  }

  async function logIn(credentials: Credentials): Promise<void> {
    const idToken = await identityProvider().signIn(credentials);
    user.value = await sessionApi.open(idToken);
    known.value = true;
  }

  async function logOut(): Promise<void> {
    await sessionApi.close();
    expire();
  }

  /** The server no longer knows the session. */
  function expire(): void {
    user.value = undefined;
    known.value = true;
  }

  return { user, known, authenticated, isAdmin, displayName, ensureKnown, logIn, logOut, expire };
});
