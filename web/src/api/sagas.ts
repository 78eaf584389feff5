import { call } from './http';
import type { Saga, SagaAction, SagaPage, SagaPhase, SagaStart } from './types';

export interface SagaQuery {
  phase?: SagaPhase;
  machine?: string;
  orderNo?: string;
  /** Seconds since the start, at least. */
  olderThan?: number;
  cursor?: string;
}

const ROOT = '/api/admin/sagas';

export const sagasApi = {
  list(query: SagaQuery, signal?: AbortSignal): Promise<SagaPage> {
    return call('GET', ROOT, { query: { ...query }, signal });
  },

  get(id: string, signal?: AbortSignal): Promise<Saga> {
    return call('GET', `${ROOT}/${encodeURIComponent(id)}`, { signal });
  },

  /** @param reason kept in the audit; at most 500 characters. */
  steer(id: string, action: SagaAction, reason: string): Promise<Saga> {
    return call('POST', `${ROOT}/${encodeURIComponent(id)}/${action}`, { body: reason === '' ? {} : { reason } });
  },

  start(request: SagaStart): Promise<Saga> {
    return call('POST', ROOT, { body: request });
  },
};
