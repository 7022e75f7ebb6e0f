import { describe, it } from 'vitest';

describe('a connection that is kept', () => {
  it.todo('connects through the gate, at its cost');
  it.todo('tells connecting, connected, subscribed and disconnected');
  it.todo('connects again when the supplier closes with code 1000');
  it.todo('never resets the back-off for one that dies after it has connected');
  it.todo('never resets the back-off for acknowledgements, heartbeats and snapshots');
  it.todo('resets the back-off once rows have come for the stable time');
  it.todo('waits by chance, from nothing up to a bound that doubles to its cap');
  it.todo('waits as long as a throttled answer asks');
  it.todo('ends with an authentication error, and tells nobody but the caller');
  it.todo('ends with a bug of the session');
  it.todo('tells a gap from the last row on before the first row of the next connection');
  it.todo('tells a gap once it is subscribed again, though no row comes');
  it.todo('tells no gap before anything was subscribed to');
  it.todo('ignores frames of a socket that was given up');
  it.todo('subscribes with the same arguments in chunks, at their pace and cost');
  it.todo('gives a connection up whose subscriptions are not confirmed in time');
  it.todo('sends pings, and closes a socket that says nothing for too long');
  it.todo('takes a pong for a sign of life, and not for a row');
  it.todo('lets the supplier wait while the writer has no room, and takes that for no silence');
  it.todo('connects anew before the maximum age, and hands over without a row lost');
  it.todo('breaks first where one connection is allowed, and tells the gap');
  it.todo('takes over at once when the old connection dies while both are open');
  it.todo('ends at once when it is told to, at every await, and leaves no timer and no socket');
  it.todo('does not wait for ever for a socket that does not close');
});
