import { Socket } from 'node:net';
import { Counters } from '../shared-memory/counters.js';
import { BEAT_EVERY_MS } from '../shared-memory/heartbeat.js';
import { mirrorOf } from '../shared-memory/mirror-of.js';
import { ThreadWatch } from '../shared-memory/thread-watch.js';
import { FrameReader, frame } from '../wire/frames.js';
import { type FromWatch, type ToWatch, WATCH_FD, type WatchData } from '../wire/process-messages.js';
import { endProcessGroup } from './end-process-group.js';

/** Between two looks at the memory, where it is limited. */
const MEMORY_EVERY_MS = 50;
/** A supervisor that does not read has this much to read later. */
const UNREAD_BYTES_MAX = 65_536;
/** How long the last words may take. */
const LAST_WORDS_MS = 250;

/**
 * Watches the process of a pipeline from a thread of its own, which runs whatever the pipeline does: it tells the
 * supervisor what the pipeline counts and where it is, takes from it until when the pipeline may run, ends a process
 * that is above its limit of memory, and one whose supervisor has gone and that has not ended in time.
 *
 * @param onOrphaned - Called once when the supervisor has gone.
 */
export function watchProcess(data: WatchData, onOrphaned: () => void): void {
  const counters = new Counters(data.counters);
  const watch = new ThreadWatch(data.watch);
  const socket = new Socket({ fd: WATCH_FD, readable: true, writable: true });
  const reader = new FrameReader();
  let isOrphaned = false;
  let isOver = false;

  const tell = (message: FromWatch, then?: () => void) => {
    if (socket.writable) socket.write(frame(message), then);
  };
  const orphan = () => {
    if (isOrphaned || isOver) return;
    isOrphaned = true;
    onOrphaned();
    setTimeout(endProcessGroup, data.orphanGraceMs);
  };
  socket.on('error', () => {}); // it closes
  socket.once('close', orphan);
  socket.on('data', (chunk) => {
    for (const message of reader.read(chunk)) {
      const { mayRunUntilNs, logsTaken } = message as ToWatch; // of a supervisor of the same release
      counters.mayRunUntilNs = mayRunUntilNs as Counters['mayRunUntilNs'];
      counters.set('logsTaken', logsTaken);
    }
  });

  setInterval(() => {
    if (socket.writableLength < UNREAD_BYTES_MAX) tell({ type: 'mirror', mirror: mirrorOf(counters, watch) });
  }, BEAT_EVERY_MS);
  if (data.rssBytesMax === 0) return;
  setInterval(() => {
    const rssBytes = process.memoryUsage.rss();
    if (rssBytes <= data.rssBytesMax || isOver) return;
    isOver = true;
    tell({ type: 'memory', rssBytes }, endProcessGroup);
    setTimeout(endProcessGroup, LAST_WORDS_MS);
  }, MEMORY_EVERY_MS);
}
