import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectsAt } from '../../../../src/engine/httpJson.ts';
import { checkerPod } from '../../../../src/engine/probes/proofObjects.ts';

/** Runs a checker's script with a `smoke` of ours, the clock 20 seconds further at each look. */
function runChecks(smoke: string): { exitCode: number; stdout: string } {
  const folder = mkdtempSync(join(tmpdir(), 'kbin-test-'));
  const program = (name: string, script: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program('smoke', `echo "$*" >> ${folder}/calls; ${smoke}`);
  program('date', `echo x >> ${folder}/dates; echo $(( $(wc -l < ${folder}/dates) * 10 ))`);
  program('sleep', 'true');
  const proof = { namespace: 'kbin-proof-x', image: 'i', nodes: ['a'], dnsDomain: 'cluster.local' };
  const pod = checkerPod(proof, { index: 0, address: 'fd00::7', service: '10.96.0.9' });
  const [, , script = ''] = objectsAt(pod.object, 'spec', 'containers')[0]?.['command'] as string[];
  try {
    const stdout = execFileSync('/bin/sh', ['-c', script], {
      env: { PATH: `${folder}:/usr/bin:/bin` },
      encoding: 'utf8',
    });
    return { exitCode: 0, stdout };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { exitCode: status, stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the checker passes when all checks pass, also at the second try', () => {
  expect(runChecks('exit 0')).toEqual({ exitCode: 0, stdout: '' });
  expect(runChecks('[ $(wc -l < "${0%/*}/calls") -gt 1 ]')).toEqual({ exitCode: 0, stdout: '' });
});

test('the checker ends with the check that failed and what it said', () => {
  expect(runChecks('case "$*" in *fd00*) echo "no route"; exit 1;; esac')).toEqual({
    exitCode: 1,
    stdout: 'smoke get http://[fd00::7]:8080/ --timeout 2s: no route\n',
  });
});
