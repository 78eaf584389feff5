import { call } from './http';
import type { Definition, StateMachine, StateMachineSummary } from './types';

const ROOT = '/api/admin/state-machines';

export const stateMachinesApi = {
  async list(signal?: AbortSignal): Promise<StateMachineSummary[]> {
    const { items } = await call<{ items: StateMachineSummary[] }>('GET', ROOT, { signal });
    return items;
  },

  get(name: string, signal?: AbortSignal): Promise<StateMachine> {
    return call('GET', `${ROOT}/${encodeURIComponent(name)}`, { signal });
  },

  /** The same definition may be registered again. */
  register(definition: Definition): Promise<StateMachine> {
    return call('POST', ROOT, { body: definition });
  },
};
