/**
 * Entry of the throw-away thread in which code of users is loaded, so that it can say what it
 * declares and which columns come out. Wiring only; what is asked is in `src/plan/user-code`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { answerRequest } from '../src/plan/user-code/answer-request.js';
import type { PlanningRequest } from '../src/plan/user-code/user-code.js';
import { jobConsole } from '../src/telemetry/job-console.js';
import type { Logger } from '../src/telemetry/logger.js';
import { PrintedText } from '../src/telemetry/printed-text.js';
import {
  type PlanningData,
  type PlanningMessage,
  PRINTED_CHARS_MAX,
  PRINTED_TIMES_MAX,
} from '../src/wire/planning.js';

const data = workerData as { -readonly [Key in keyof PlanningData]?: PlanningData[Key] };
const port = data.port!;
const request = data.request as PlanningRequest;
// What the code posts must go nowhere: nothing bounds what waits behind a port.
delete data.port;
delete data.request;
parentPort?.close();

const post = (message: PlanningMessage) => port.postMessage(message);

const printed = new PrintedText({ chars: PRINTED_CHARS_MAX, times: PRINTED_TIMES_MAX }, (text) =>
  post({ printed: text }),
);
const lines = jobConsole('module' in request ? request.module : request.job, printed);
globalThis.console = lines;
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (text: string | Uint8Array, ...rest: unknown[]) => {
    lines.log(String(text).replace(/\n$/, ''));
    const done = rest.find((each) => typeof each === 'function');
    if (done) queueMicrotask(() => done());
    return true;
  };
}

const onIdle = () => post({ neverLoads: true });
process.on('beforeExit', onIdle);

/** What a gate and a provider say goes where prints go. */
const say = (fields: object, text: string) => lines.warn(text, fields);
const log: Logger = { debug() {}, info() {}, warn: say, error: say, child: () => log };

void answerRequest(request, { post: (items) => post({ items }), log }).then((answer) => {
  process.off('beforeExit', onIdle);
  post({ answer });
  port.close();
});
