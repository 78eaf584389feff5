import { describe, expect, it } from 'vitest';
import { ApiError, asApiError, problemFrom } from './problem';

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
}

describe('a failed call', () => {
  it('is what the problem document says', async () => {
    const problem = await problemFrom(
      answer(400, {
        code: 'VALIDATION_FAILED',
        detail: 'quantity is 0',
        requestId: 'r-1',
        errors: [{ field: 'items[0].quantity', message: '1 to 99' }, { field: 7 }, null],
      }),
    );
    expect(problem).toBeInstanceOf(ApiError);
    expect(problem).toMatchObject({ code: 'VALIDATION_FAILED', status: 400, requestId: 'r-1', detail: 'quantity is 0' });
    expect(problem.fields).toEqual([{ field: 'items[0].quantity', message: '1 to 99' }]);
  });

  it('takes the request id from the header when the document has none', async () => {
    const problem = await problemFrom(answer(409, { code: 'OUT_OF_STOCK' }, { 'x-request-id': 'r-2' }));
    expect(problem.requestId).toBe('r-2');
  });

  it.each([
    [401, 'UNAUTHENTICATED'],
    [404, 'NOT_FOUND'],
    [500, 'INTERNAL'],
    [502, 'OVERLOADED'],
    [503, 'OVERLOADED'],
    [504, 'TIMEOUT'],
    [418, 'UNREADABLE_ANSWER'],
  ])('with status %i and no document has the code %s', async (status, code) => {
    expect((await problemFrom(answer(status, '<html>'))).code).toBe(code);
    expect((await problemFrom(answer(status, 'null'))).code).toBe(code);
  });

  it('says how long to wait', async () => {
    expect((await problemFrom(answer(503, { code: 'OVERLOADED' }, { 'retry-after': '3' }))).retryAfter).toBe(3);
    expect((await problemFrom(answer(503, {}, { 'retry-after': 'soon' }))).retryAfter).toBeUndefined();
  });

  it.each([
    [new ApiError('NETWORK', 0), true],
    [new ApiError('INTERNAL', 500), true],
    [new ApiError('TIMEOUT', 504), true],
    [new ApiError('REQUEST_IN_PROGRESS', 409), true],
    [new ApiError('PAYMENT_UNAVAILABLE', 503), false],
    [new ApiError('OUT_OF_STOCK', 409), false],
  ])('%s leaves open whether it was carried out: %s', (problem, open) => {
    expect(problem.isUnanswered).toBe(open);
  });

  it('stays itself, and anything else thrown becomes one', () => {
    const problem = new ApiError('X', 400);
    expect(asApiError(problem)).toBe(problem);
    expect(asApiError(new TypeError('boom'))).toMatchObject({ code: 'UNREADABLE_ANSWER', detail: 'boom' });
  });
});
