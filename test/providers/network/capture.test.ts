import { describe, it } from 'vitest';

describe('a capture', () => {
  it.todo('keeps texts, bytes, line breaks and answers exactly');
  it.todo('keeps neither query nor user of a URL, nor secrets of what was sent');
  it.todo('can be read up to where it was cut off');
  it.todo('makes the supplier wait rather than hold more than its bound');
  it.todo('tells of a file that cannot be written, and the stream goes on');
  it.todo('never writes into a file that is there');
});

describe('a replay', () => {
  it.todo('gives exactly the rows of the recorded session, by the clock of the capture');
  it.todo('replays reconnects, refusals and snapshots');
  it.todo('keeps the pace that was asked for');
  it.todo('goes on from a checkpoint within it');
  it.todo('says so if the provider opens what the capture has not');
  it.todo('loses no row of a reader that is slow');
});
