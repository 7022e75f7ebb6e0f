import { describe, it } from 'vitest';

describe('the synchronisation of a book', () => {
  it.todo('asks for a snapshot with the first change, and for one at a time');
  it.todo('begins with the snapshot and the changes that are newer');
  it.todo('fetches again if the snapshot is older than the first change, so many times');
  it.todo('keeps a snapshot that is newer than all changes, until one covers it');
  it.todo('leaves out what it has seen');
  it.todo('begins anew after a hole, and after too many changes that wait');
  it.todo(
    'applies each change once, in order, from one that covers the snapshot, whatever the delays and losses',
  );
});

describe('a synced book', () => {
  it.todo('fetches its snapshot through the gate, at its cost');
  it.todo('tells a gap from the last change before a hole until the new snapshot');
  it.todo('fails the connection if no snapshot can be had');
  it.todo('stops with its connection');
});

describe('the books of the recorded captures', () => {
  it.todo('equal the facts after the last change');
  it.todo('have exactly the holes of the lines that were dropped, and resync after each');
});
