import type { Clock } from '../../core/clock.js';
import { asProviderError, messageOf, ProviderError } from '../../core/provider-error.js';
import type { HttpAnswer, RequestOptions } from '../contract/network.js';
import { ReceivedAnswer } from './received-answer.js';
import { shownUrl, urlOf } from './shown-url.js';

const ANSWER_MS_MAX = 10_000;
const BODY_BYTES_MAX = 64 * 1_024 * 1_024;
const REDIRECTS_MAX = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Headers that go to another origin, too. Any other may be a credential: each venue has a name of its own for its key. */
const HARMLESS_HEADERS = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);
const PROTOCOLS = ['https:', 'http:'];

interface RequestParts {
  readonly who: string;
  readonly clock: Clock;
}

/** Makes a request by `fetch`, within its bounds of time, size and redirects. */
export async function hostRequest(
  url: string | URL,
  options: RequestOptions & { readonly signal: AbortSignal },
  { who, clock }: RequestParts,
): Promise<HttpAnswer> {
  const { signal, answerMsMax = ANSWER_MS_MAX } = options;
  const target = urlOf(url, PROTOCOLS, who);
  const at = `${who} at ${shownUrl(target)}`;
  const ending = new AbortController();
  let isLate = false;
  const timer = clock.setTimeout(() => {
    isLate = true;
    ending.abort();
  }, answerMsMax);
  const onAbort = () => ending.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await answerOf(target, options, ending.signal, at);
  } catch (error) {
    signal.throwIfAborted();
    if (isLate) throw new ProviderError('unavailable', `${at} did not answer within ${answerMsMax} ms`);
    const known = asProviderError(error, at, Number(clock.wall()) / 1e6);
    if (known instanceof ProviderError) throw known;
    throw new ProviderError('unavailable', `${at}: ${messageOf(error)}`, { cause: error });
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function answerOf(
  target: URL,
  {
    method = 'GET',
    headers = {},
    body,
    bytesMax = BODY_BYTES_MAX,
    redirectsMax = REDIRECTS_MAX,
  }: RequestOptions,
  signal: AbortSignal,
  at: string,
): Promise<HttpAnswer> {
  const mayFollow = method === 'GET' || method === 'HEAD';
  let url = target;
  let sent = headers;
  for (let redirects = 0; ; redirects++) {
    if (url.protocol === 'https:') expectChecks(at);
    const response = await fetch(url, {
      method,
      headers: sent,
      signal,
      redirect: 'manual',
      ...(body !== undefined && { body: body as string }), // or bytes, which `fetch` takes as well
    });
    const location = response.headers.get('location');
    if (!mayFollow || !REDIRECTS.has(response.status) || location === null) {
      const found = Object.fromEntries(response.headers.entries());
      return new ReceivedAnswer(at, {
        status: response.status,
        headers: found,
        body: await bodyOf(response, bytesMax, at),
      });
    }
    await response.body?.cancel();
    if (redirects >= redirectsMax) {
      throw new ProviderError('protocol', `${at} redirects more than ${redirectsMax} times`, {
        status: response.status,
      });
    }
    const next = urlOf(resolved(location, url), PROTOCOLS, at);
    if (url.protocol === 'https:' && next.protocol === 'http:') {
      throw new ProviderError('protocol', `${at} redirects from https to http`, { status: response.status });
    }
    if (next.origin !== url.origin) sent = onlyHarmless(sent);
    url = next;
  }
}

/** `fetch` has no option for it: where the environment turns checks off, any server would do. */
function expectChecks(at: string): void {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') return;
  throw new ProviderError(
    'unsupported',
    `${at}: expected certificates to be checked, found NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment, which turns ` +
      'that off: take it out, and name an authority of your own in NODE_EXTRA_CA_CERTS',
  );
}

function resolved(location: string, base: URL): string {
  try {
    return new URL(location, base).href;
  } catch {
    return location; // which `urlOf` refuses
  }
}

const onlyHarmless = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS_HEADERS.has(name.toLowerCase())));

/** Reads a body as it comes, so that one without end is not held. */
async function bodyOf(response: Response, bytesMax: number, at: string): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      // Leaving the loop cancels the rest.
      throw new ProviderError(
        'protocol',
        `${at}: expected an answer of at most ${bytesMax} bytes, found more`,
        {
          status: response.status,
        },
      );
    }
    chunks.push(chunk);
  }
  const [only] = chunks;
  if (chunks.length === 1 && only) return only;
  const body = new Uint8Array(bytes);
  let at0 = 0;
  for (const chunk of chunks) {
    body.set(chunk, at0);
    at0 += chunk.length;
  }
  return body;
}
