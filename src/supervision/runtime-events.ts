import { EventLog } from '../core/event-log.js';
import type { MissedEvents } from './job.js';

/** Events for readers that take them when they like. @param call - What opens a stream, in errors. */
export const eventLog = <Event>(call: string): EventLog<Event | MissedEvents> =>
  new EventLog({ call, missed: (count) => ({ type: 'events.missed', count }) });
