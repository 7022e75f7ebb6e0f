import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PipelineError, toWireError } from '../../src/core/errors.js';
import { asProviderError, ProviderError } from '../../src/core/provider-error.js';
import { hide, redact, redactError, redactFields } from '../../src/core/redact.js';
import { blamed } from '../../src/engine/blame.js';
import { withinCpuTime } from '../support/cpu-time.js';

/** With fields that throw as they are read. */
function throwing(of: object, ...fields: string[]): object {
  const get = () => {
    throw new Error('not now');
  };
  for (const field of fields) Object.defineProperty(of, field, { get });
  return of;
}

const PLANTED = 'Pl4nted-K3y_0f~Mine';

describe('redact', () => {
  it.each([
    ['a header', `Authorization: Bearer ${PLANTED}`],
    ['a header without a scheme', `authorization: ${PLANTED}`],
    ['a header with commas', `Authorization: AWS4-HMAC-SHA256 Credential=${PLANTED}, Signature=${PLANTED}`],
    ['a scheme alone', `got "Bearer ${PLANTED}"`],
    ['basic credentials', `sent Basic ${btoa(`user:${PLANTED}`)} to the gateway`],
    ['a cookie', `cookie: a=1; session=${PLANTED}`],
    ['a query', `GET https://x.io/v2/aggs?adjusted=true&apiKey=${PLANTED}&limit=5`],
    ['a query by a short name', `GET https://x.io/v2?key=${PLANTED}`],
    ['a signed query', `https://x.io/api?timestamp=1&signature=${PLANTED}`],
    ['a user in a URL', `connect wss://me:${PLANTED}@x.io/feed failed`],
    ['a user of a URL without a password', `GET https://${PLANTED}@x.io/v1 failed`],
    ['JSON', `{"apiKey":"${PLANTED}","limit":5}`],
    ['JSON that was cut off', `{"limit":5,"client_secret":"${PLANTED}`],
    ['JSON within JSON', JSON.stringify(JSON.stringify({ token: PLANTED }))],
    ['JSON with a quote in the value', JSON.stringify({ password: `a"${PLANTED}"` })],
    ['an inspected object', inspect({ headers: { 'X-MBX-APIKEY': PLANTED } })],
    ['a vendor header', `APCA-API-SECRET-KEY: ${PLANTED}`],
    ['a sentence', `invalid token: ${PLANTED}, ask for a new one`],
    ['an assignment', `password=${PLANTED}`],
    ['a listen key', `listenKey=${PLANTED}`],
  ])('hides a credential in %s', (_where, text) => {
    const clean = redact(text);
    expect(clean).toContain('[redacted]');
    expect(clean).not.toMatch(/Pl4nted|K3y_0f|Mine/);
    expect(redact(clean)).toBe(clean);
  });

  it.each([
    'source.apiKey: expected a text, found nothing',
    'Unexpected token < in JSON at position 0',
    'unexpected token: expected a number',
    'Basic authentication failed',
    'bearer authentication is off',
    'https://x.io/v2/aggs?symbol=AAPL&limit=5',
    'trades.csv:12: key: expected one of a, b, found c',
    'Checkpoint key "quotes" is taken',
  ])('leaves alone: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('keeps what stands around a credential', () => {
    expect(redact(`GET /v2?apiKey=${PLANTED}&limit=5 failed`)).toBe(
      'GET /v2?apiKey=[redacted]&limit=5 failed',
    );
    expect(redact(`{"apiKey":"${PLANTED}","limit":5}`)).toBe('{"apiKey":"[redacted]","limit":5}');
  });

  it('hides a registered text wherever it stands, also as in a URL or in JSON, until that is ended', () => {
    const secret = 'p@ss "word"/7';
    const show = hide(secret);
    const again = hide(secret);
    const text = `${secret} ${encodeURIComponent(secret)} ${JSON.stringify(secret)}`;
    expect(redact(text)).toBe('[redacted] [redacted] "[redacted]"');
    show();
    show(); // once, however often
    expect(redact(secret)).toBe('[redacted]');
    again();
    expect(redact(text)).toBe(text);
  });

  it('hides all of a registered text that holds another', () => {
    for (const secret of ['abcd', 'abcd-1234']) onTestFinished(hide(secret));
    expect(redact('abcd-1234 abcd')).toBe('[redacted] [redacted]');
  });

  it('takes no time that grows with the square of a long text', async () => {
    const shapes = ['a-', 'token', 'token:"', '?key', 'Bearer ', 'x://a:', '\\', 'authorization: '];
    await withinCpuTime(3_000, () => {
      for (const shape of shapes) redact(shape.repeat(100_000 / shape.length));
    });
  });
});

describe('the fields of a log line', () => {
  it('lose credentials at any depth, by their name or in their text', () => {
    const fields = {
      url: `https://x.io?apikey=${PLANTED}`,
      request: { headers: [{ authorization: PLANTED, accept: 'json' }], Cookie: { session: PLANTED } },
      tokens: 5,
      hasSecret: true,
    };
    const clean = redactFields(fields);
    expect(clean).toEqual({
      url: 'https://x.io?apikey=[redacted]',
      request: { headers: [{ authorization: '[redacted]', accept: 'json' }], Cookie: '[redacted]' },
      tokens: 5,
      hasSecret: true,
    });
    expect(fields.url).toContain(PLANTED); // the caller's own are not touched
  });

  it('lose those of an object that says itself how it is shown, and of an error', () => {
    class Request {
      readonly headers = { authorization: PLANTED };
    }
    const error = new Error(`token=${PLANTED}`);
    const url = new URL(`https://x.io/?apikey=${PLANTED}`);
    const clean = redactFields({ url, request: new Request(), deep: { error } });
    expect(clean).toMatchObject({
      url: 'https://x.io/?apikey=[redacted]',
      deep: { error: { message: 'token=[redacted]' } },
    });
    expect(inspect(clean, { depth: 10 })).not.toContain(PLANTED);
  });

  it('keep what is no text: dates, binary data, maps', () => {
    const fields = { at: new Date(0), bytes: new Uint8Array(2), map: new Map([['a', 1]]), none: null };
    expect(redactFields(fields)).toEqual(fields);
  });

  it('are told where they go round, or throw as they are read', () => {
    const round: Record<string, unknown> = {};
    round.self = round;
    const hostile = {
      get rows() {
        throw new Error('not now');
      },
    };
    expect(inspect(redactFields({ round, hostile }), { depth: 20 })).toMatch(/\[…\][\s\S]*\[unreadable\]/);
  });
});

describe('an error that leaves its thread', () => {
  const cause = new Error(`GET https://x.io?apikey=${PLANTED}`);

  it.each([
    ['one of ours', new PipelineError('SOURCE_FAILED', `token=${PLANTED}`, { cause })],
    ['a foreign one', new Error(`token=${PLANTED}`, { cause })],
    ["a provider's", new ProviderError('authentication', `token=${PLANTED}`, { cause })],
    ['a text', `token=${PLANTED}`],
  ])('has no credentials in message, stack and causes: %s', (_what, error) => {
    expect(JSON.stringify(toWireError(error))).not.toContain(PLANTED);
  });

  it("of a provider's has none while it is an error, either", () => {
    const error = new ProviderError('authentication', `token=${PLANTED}`, { cause });
    expect(inspect(error, { depth: 10 })).not.toContain(PLANTED);
  });

  it('has none as a copy for logs, which says what it was', () => {
    const copy = redactError(Object.assign(new RangeError(`token=${PLANTED}`, { cause }), { code: 'E' }));
    expect(copy).toMatchObject({ name: 'RangeError', message: 'token=[redacted]', code: 'E' });
    expect(inspect(copy, { depth: 10 })).not.toContain(PLANTED);
  });

  it.each<[string, () => unknown]>([
    ['a message that is no text', () => Object.assign(new Error('x'), { message: { apiKey: PLANTED } })],
    ['a cause whose message is no text', () => ({ cause: Object.assign(new Error('x'), { message: 7 }) })],
    ['a getter that throws', () => throwing(new Error('x'), 'stack', 'message', 'code', 'cause', 'name')],
    ['no prototype', () => throwing(Object.create(null), 'message', 'code', 'status')],
    ['a name that is a symbol', () => Object.assign(new Error('x'), { name: Symbol('x') })],
  ])('may have any shape: %s', (_what, make) => {
    const thrown = make();
    const errors = [
      new PipelineError('SOURCE_FAILED', 'broke off', { cause: thrown }),
      new ProviderError('disconnected', 'broke off', { cause: thrown }),
      asProviderError(thrown, 'Provider "x"', 0),
      blamed('SOURCE_FAILED', { id: 'source', title: 'Source' }, thrown),
      redactError(thrown),
    ];
    for (const error of errors) expect(JSON.stringify(toWireError(error))).not.toContain(PLANTED);
  });

  it('hides texts that were registered', () => {
    onTestFinished(hide('a plain word'));
    expect(toWireError(new Error('so: a plain word')).message).toBe('so: [redacted]');
  });
});
