import { call } from './http';
import type { Account, SessionStatus, User } from './types';

export const accountApi = {
  account(): Promise<Account> {
    return call('GET', '/api/account');
  },
};

export const sessionApi = {
  status(): Promise<SessionStatus> {
    return call('GET', '/auth/status', { leadsToLogin: false });
  },

  /** Exchanges an identity token for the session cookie. */
  open(idToken: string): Promise<User> {
    return call('POST', '/auth/session', { body: { idToken }, leadsToLogin: false });
  },

  close(): Promise<void> {
    return call('POST', '/auth/logout', { leadsToLogin: false });
  },
};
