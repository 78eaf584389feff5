import { observeServerDate } from '@/live/serverClock';
import { ApiError, NETWORK, problemFrom, UNREADABLE_ANSWER } from './problem';

type Query = Record<string, string | number | undefined>;

interface CallOptions {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** False where a 401 is an answer like any other and must not lead to the login page. */
  leadsToLogin?: boolean;
}

/** Longer than the server allows itself, so that its own answer to a slow call arrives. */
const TIMEOUT_MS = 15_000;

let onUnauthenticated: () => void = () => undefined;

/** What to do when a call finds the session gone. Set once, by the application. */
export function whenUnauthenticated(action: () => void): void {
  onUnauthenticated = action;
}

/** Makes a call; resolves to its JSON (or undefined for an empty answer), rejects with {@link ApiError}. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await send(path + queryString(options.query), {
    method,
    headers,
    body: options.body === undefined ? null : JSON.stringify(options.body),
    credentials: 'same-origin',
    signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
  });
  observeServerDate(response.headers.get('date'));
  if (!response.ok) {
    const problem = await problemFrom(response);
    if (problem.status === 401 && options.leadsToLogin !== false) onUnauthenticated();
    throw problem;
  }
  return read<T>(response);
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (thrown) {
    // A call that its caller gave up is not a failure to show.
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown;
    const code = thrown instanceof DOMException && thrown.name === 'TimeoutError' ? 'TIMEOUT' : NETWORK;
    throw new ApiError(code, 0);
  }
}

async function read<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    const requestId = response.headers.get('x-request-id') ?? undefined;
    throw new ApiError(UNREADABLE_ANSWER, response.status, requestId);
  }
}

function queryString(query: Query | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
