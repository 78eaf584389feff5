/** What a failed call comes back as: the server's problem document (RFC 9457), or the lack of an answer. */

export interface FieldProblem {
  field: string;
  message: string;
}

/** Codes that arise on this side of the wire; all others are the server's. */
export const NETWORK = 'NETWORK';
export const UNREADABLE_ANSWER = 'UNREADABLE_ANSWER';

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** Stable; the key of the message that the visitor reads. */
    readonly code: string,
    /** HTTP status; 0 when nothing was answered. */
    readonly status: number,
    readonly requestId: string | undefined = undefined,
    /** The server's own words, in English, for a developer's eyes. */
    readonly detail: string | undefined = undefined,
    readonly fields: FieldProblem[] = [],
    /** Seconds, from `Retry-After`. */
    readonly retryAfter: number | undefined = undefined,
  ) {
    super(detail ?? code);
  }

  /** True when the call may have been carried out, or may be if it is made again: nobody knows yet. */
  get isUnanswered(): boolean {
    if (this.code === 'PAYMENT_UNAVAILABLE') return false;
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === 'REQUEST_IN_PROGRESS';
  }
}

/** Reads the answer to a call that failed. Never throws: an answer that is no problem document has a code, too. */
export async function problemFrom(response: Response): Promise<ApiError> {
  const header = response.headers.get('x-request-id') ?? undefined;
  const retryAfter = seconds(response.headers.get('retry-after'));
  const body = await readObject(response);
  if (body === undefined || typeof body['code'] !== 'string') {
    return new ApiError(codeOfStatus(response.status), response.status, header, undefined, [], retryAfter);
  }
  const requestId = typeof body['requestId'] === 'string' ? body['requestId'] : header;
  const detail = typeof body['detail'] === 'string' ? body['detail'] : undefined;
  return new ApiError(body['code'], response.status, requestId, detail, fieldsOf(body['errors']), retryAfter);
}

/** Anything that was thrown, as an {@link ApiError}. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(UNREADABLE_ANSWER, 0, undefined, thrown instanceof Error ? thrown.message : String(thrown));
}

async function readObject(response: Response): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = await response.json();
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (item: unknown): item is FieldProblem =>
      typeof item === 'object' &&
      item !== null &&
      typeof (item as FieldProblem).field === 'string' &&
      typeof (item as FieldProblem).message === 'string',
  );
}

function seconds(header: string | null): number | undefined {
  if (header === null || !/^\d+$/.test(header)) return undefined;
  return Number(header);
}

/** A proxy in front of the shop may answer for it, without a problem document. */
function codeOfStatus(status: number): string {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  if (status === 404) return 'NOT_FOUND';
  if (status === 413) return 'BODY_TOO_LARGE';
  if (status === 429 || status === 502 || status === 503) return 'OVERLOADED';
  if (status === 504) return 'TIMEOUT';
  return status >= 500 ? 'INTERNAL' : UNREADABLE_ANSWER;
}
