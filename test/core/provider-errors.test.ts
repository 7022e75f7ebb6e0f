import { describe, expect, it } from 'vitest';
import { PipelineError, RemoteError } from '../../src/core/errors.js';
import { asProviderError, ProviderError, responseError } from '../../src/core/provider-error.js';
import { isCancellation, providerErrorKind } from '../../src/core/provider-error-kind.js';
import { PROVIDER_ERRORS, type ProviderErrorKind } from '../../src/core/provider-error-table.js';
import { retryAfterMsOf } from '../../src/core/retry-after.js';

const NOW = Date.parse('2024-03-01T00:00:00Z');
const coded = (code: string) => Object.assign(new Error('x'), { code });
const fetchFailed = (cause: unknown) => new TypeError('fetch failed', { cause });

describe('the kind of an error', () => {
  it.each([
    [401, 'authentication'],
    [407, 'authentication'],
    [402, 'entitlement'],
    [403, 'entitlement'],
    [404, 'not-found'],
    [410, 'not-found'],
    [400, 'invalid-request'],
    [422, 'invalid-request'],
    [418, 'throttled'],
    [429, 'throttled'],
    [408, 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [405, 'unsupported'],
    [501, 'unsupported'],
    [200, undefined],
    [301, undefined],
  ])('of status %i is %s, wherever a client keeps it', (status, kind) => {
    const places: unknown[] = [
      { status },
      { statusCode: status },
      { status: String(status) },
      { response: { status } },
      { response: { statusCode: status } },
      Object.assign(new Error('x'), { status }),
      fetchFailed({ status }),
    ];
    expect(places.map(providerErrorKind)).toEqual(places.map(() => kind));
  });

  it.each([
    ['ECONNRESET', 'disconnected'],
    ['EPIPE', 'disconnected'],
    ['UND_ERR_SOCKET', 'disconnected'],
    ['ECONNREFUSED', 'unavailable'],
    ['ETIMEDOUT', 'unavailable'],
    ['ENOTFOUND', 'unavailable'],
    ['EAI_AGAIN', 'unavailable'],
    ['UND_ERR_CONNECT_TIMEOUT', 'unavailable'],
    ['UND_ERR_HEADERS_TIMEOUT', 'unavailable'],
    ['HPE_INVALID_CONSTANT', 'protocol'],
    ['CERT_HAS_EXPIRED', 'protocol'],
    ['CERT_NOT_YET_VALID', 'protocol'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'protocol'],
    ['ERR_INVALID_URL', 'invalid-request'],
    ['ENOENT', undefined],
    ['toString', undefined],
  ])('of code %s is %s, in the error or in its cause', (code, kind) => {
    expect(providerErrorKind(coded(code))).toBe(kind);
    expect(providerErrorKind(fetchFailed(coded(code)))).toBe(kind);
    expect(providerErrorKind(fetchFailed(new AggregateError([coded(code), coded('EPIPE')])))).toBe(kind);
  });

  it('is told with what the cause says, where the error itself says less', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' });
    for (const cause of [refused, new AggregateError([refused, coded('EPIPE')])]) {
      expect(asProviderError(fetchFailed(cause), 'Provider "x"', NOW)).toMatchObject({
        message: expect.stringContaining('did not answer: fetch failed: connect ECONNREFUSED 127.0.0.1:9; '),
      });
    }
    expect(asProviderError(refused, 'Provider "x"', NOW)).toMatchObject({
      message: expect.stringContaining('did not answer: connect ECONNREFUSED 127.0.0.1:9; '),
    });
  });

  it('is unavailable after a time-out', () => {
    expect(providerErrorKind(new DOMException('x', 'TimeoutError'))).toBe('unavailable');
  });

  it.each([
    ['AbortError', new DOMException('x', 'AbortError')],
    ['undici', coded('UND_ERR_ABORTED')],
    ['axios', Object.assign(coded('ERR_CANCELED'), { status: 503 })],
    ['a cause', fetchFailed(new DOMException('x', 'AbortError'))],
  ])('is none after a cancellation: %s', (_client, error) => {
    expect(providerErrorKind(error)).toBeUndefined();
  });

  it('knows a cancellation from a time-out', () => {
    expect(isCancellation(new DOMException('x', 'AbortError'))).toBe(true);
    expect(isCancellation(new DOMException('x', 'TimeoutError'))).toBe(false);
  });

  it('of one of ours is told by its own status, not by what caused it', () => {
    const own = new PipelineError('SOURCE_FAILED', 'x');
    expect(providerErrorKind(Object.assign(own, { status: 429 }))).toBe('throttled');
    const corrupt = new PipelineError('INPUT_CORRUPT', 'x', { cause: coded('ECONNRESET') });
    expect(providerErrorKind(corrupt)).toBeUndefined();
  });

  it('survives the border of a thread, by the code', () => {
    for (const kind of Object.keys(PROVIDER_ERRORS) as ProviderErrorKind[]) {
      const wire = structuredClone(new ProviderError(kind, 'x').toWire());
      expect(providerErrorKind(new RemoteError(wire))).toBe(kind);
    }
  });

  it.each([
    ['a text'],
    [undefined],
    [null],
    [7],
    [new Error('x')],
    [{ status: 'rejected' }],
    [{ status: 1006 }],
  ])('is none where nothing tells it: %o', (error) => {
    expect(providerErrorKind(error)).toBeUndefined();
  });

  it('ends its search in causes that go round', () => {
    const error = new Error('x');
    error.cause = error;
    expect(providerErrorKind(error)).toBeUndefined();
  });
});

describe('what a provider asks for', () => {
  const asked = (headers: unknown) => retryAfterMsOf({ headers }, NOW);

  it.each([
    ['seconds', '7', 7_000],
    ['parts of a second', '1.5', 1_500],
    ['a date', 'Fri, 01 Mar 2024 00:00:05 GMT', 5_000],
    ['a date that is over', 'Thu, 29 Feb 2024 00:00:00 GMT', 0],
    ['seconds since 1970', String(NOW / 1_000 + 9), 9_000],
    ['milliseconds since 1970', String(NOW + 250), 250],
    ['an instant that is over', String(NOW / 1_000 - 9), 0],
    ['a word', 'soon', undefined],
    ['less than nothing', '-5', undefined],
    ['nothing', '', undefined],
  ])('is read from %s', (_form, text, ms) => {
    expect(asked({ 'retry-after': text })).toBe(ms);
    expect(asked({ 'x-ratelimit-reset': text })).toBe(ms);
  });

  it.each([
    ['an object in any case', { 'Retry-After': '3' }],
    ['a list', { 'retry-after': ['3', '9'] }],
    ['a number', { 'retry-after': 3 }],
    ['Headers', new Headers({ 'Retry-After': '3' })],
    ['a Map', new Map([['retry-after', '3']])],
    ['milliseconds, which are more exact', { 'retry-after': '4', 'retry-after-ms': '3000' }],
    ['Retry-After before a reset', { 'x-ratelimit-reset': '60', 'retry-after': '3' }],
    ['a reset where Retry-After cannot be read', { 'ratelimit-reset': '3', 'retry-after': 'soon' }],
  ])('is found in %s', (_what, headers) => {
    expect(asked(headers)).toBe(3_000);
    expect(retryAfterMsOf({ response: { headers } }, NOW)).toBe(3_000);
  });

  it('is never more than a day, whoever says it', () => {
    expect(asked({ 'retry-after': '259200' })).toBe(86_400_000);
    expect(retryAfterMsOf({ retryAfterMs: Number.POSITIVE_INFINITY }, NOW)).toBe(86_400_000);
  });

  it('is nothing where the number is none', () => {
    expect(retryAfterMsOf({ retryAfterMs: Number.NaN }, NOW)).toBeUndefined();
    expect(retryAfterMsOf(undefined, NOW)).toBeUndefined();
  });
});

describe('the table of errors', () => {
  const rows = Object.entries(PROVIDER_ERRORS);
  const kindsWhere = (holds: (rule: (typeof rows)[number][1]) => boolean) =>
    rows
      .filter(([, rule]) => holds(rule))
      .map(([kind]) => kind)
      .sort();

  it('has only outages count for the breaker', () => {
    expect(kindsWhere(({ breaker }) => breaker === 'failure')).toEqual([
      'disconnected',
      'protocol',
      'unavailable',
    ]);
  });

  it('has only throttled calls move the budget', () => {
    expect(kindsWhere(({ budget }) => budget === 'cooldown')).toEqual(['throttled']);
  });

  it('has nothing tried again that would get the same answer, by the gate or by a restart', () => {
    const refused = ['authentication', 'entitlement', 'invalid-request', 'not-found', 'unsupported'];
    expect(kindsWhere(({ callAgain }) => !callAgain)).toEqual(refused);
    expect(kindsWhere(({ restart }) => !restart)).toEqual(refused);
  });
});

describe('a ProviderError', () => {
  it('says who, what and what to do', () => {
    const error = Object.assign(new Error('Unknown API key'), { status: 401 });
    expect(asProviderError(error, 'Provider "feed"', NOW)).toMatchObject({
      code: 'PROVIDER_AUTHENTICATION',
      kind: 'authentication',
      status: 401,
      retryable: false,
      message:
        'Provider "feed" did not accept the credentials (status 401): Unknown API key; check its key or token',
    });
  });

  it('says for how long the provider asks to be left alone, on the other side of a thread too', () => {
    const error = asProviderError({ status: 429, headers: { 'retry-after': '3' } }, 'Provider "feed"', NOW);
    expect((error as ProviderError).toWire()).toMatchObject({
      code: 'PROVIDER_THROTTLED',
      retryable: true,
      retryAfterMs: 3_000,
    });
  });

  it('leaves alone what has a kind already, or none', () => {
    for (const error of [new ProviderError('protocol', 'x'), new Error('x'), 'x', undefined]) {
      expect(asProviderError(error, 'Provider "feed"', NOW)).toBe(error);
    }
  });

  it('keeps nothing of what a client hangs on its errors but name, message, code and causes', () => {
    const cause = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    const error = Object.assign(new TypeError('request failed', { cause }), {
      config: { headers: { authorization: 'Bearer PLANTED' } },
    });
    const kept = asProviderError(error, 'Provider "feed"', NOW) as ProviderError;
    expect(kept.cause).toMatchObject({
      name: 'TypeError',
      message: 'request failed',
      cause: { code: 'ECONNRESET' },
    });
    expect(kept.cause).not.toHaveProperty('config');
  });
});

describe('an answer of HTTP that is no success', () => {
  it('is an error of the kind of its status, with the pause that its headers ask for', () => {
    const response = new Response('', { status: 429, headers: { 'retry-after': '3' } });
    expect(responseError(response, 'Provider "x"', NOW)).toMatchObject({
      kind: 'throttled',
      status: 429,
      retryAfterMs: 3_000,
      message: 'Provider "x" asks for fewer calls (status 429); lower the budget, or wait',
    });
    const headers = { 'Retry-After': new Date(NOW + 5_000).toUTCString() };
    expect(responseError({ status: 503, headers }, 'x', NOW)).toMatchObject({
      kind: 'unavailable',
      retryAfterMs: 5_000,
    });
  });

  it('is one of the protocol where its status says nothing of an error', () => {
    expect(responseError({ status: 204 }, 'x', NOW)).toMatchObject({ kind: 'protocol', status: 204 });
  });
});
