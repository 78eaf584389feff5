import { call } from './http';
import type { Alert, AlertAction, AlertPage, AlertStatus } from './types';

export interface AlertQuery {
  status?: AlertStatus;
  rule?: string;
  orderNo?: string;
  /** ISO 8601; detected then or later. */
  from?: string;
  /** ISO 8601; detected before. */
  to?: string;
  cursor?: string;
}

const ROOT = '/api/admin/alerts';

export const alertsApi = {
  list(query: AlertQuery, signal?: AbortSignal): Promise<AlertPage> {
    return call('GET', ROOT, { query: { ...query }, signal });
  },

  get(id: string, signal?: AbortSignal): Promise<Alert> {
    return call('GET', `${ROOT}/${encodeURIComponent(id)}`, { signal });
  },

  /** @param note kept in the audit; at most 500 characters. */
  act(id: string, action: AlertAction, note: string): Promise<Alert> {
    return call('POST', `${ROOT}/${encodeURIComponent(id)}/${action}`, { body: note === '' ? {} : { note } });
  },
};
