import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Disk } from '../../src/outputs/disk/disk.js';
import { StagedFile } from '../../src/outputs/staging/staged-file.js';
import { Staging } from '../../src/outputs/staging/staging.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { stageContext } from '../support/stage-context.js';

describe('a folder of staged files', () => {
  it('is synced again for a name that came while it was synced', async () => {
    const crashing = new CrashingFileSystem();
    const disk = new Disk(crashing.fs, stageContext({}).log);
    const staging = await Staging.create(disk, temporaryDirectory(), '00001-aaaaaaaaaa');
    let open = () => {};
    crashing.between = async (operation) => {
      if (!operation.startsWith('create ') || !operation.endsWith('.staged')) return;
      crashing.between = undefined;
      await new Promise<void>((resolve) => {
        open = resolve;
      });
    };
    const beginning = staging.begin('part', 'part');
    await staging.sync();
    open();
    await (await beginning).close();
    const from = crashing.log.length;
    await staging.sync();
    expect(crashing.log.slice(from)).toContain(`sync ${staging.folder}`);
  });
});

describe('a staged file', () => {
  it.each(['sync', 'seal'] as const)(
    'fails every sync behind one that failed, though the system tells of an error once (%s)',
    async (first) => {
      const crashing = new CrashingFileSystem();
      const path = join(temporaryDirectory(), 'out.staged');
      const disk = new Disk(crashing.fs, stageContext({}).log);
      const file = await StagedFile.open(disk, { name: 'out', path, final: path });
      await file.write(Buffer.from('rows'));
      crashing.failAt = crashing.log.length; // the next one, and no other
      const results = await Promise.allSettled([file[first](), file.sync(), file.seal()]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      await expect(file.sync()).rejects.toMatchObject({ code: 'OUTPUT_FAILED', retryable: true });
      await file.close();
    },
  );
});
