import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { SshServer } from './ssh-server.ts'
import { temporaryFolder } from './testing.ts'

it('what begins anew as often as it is ended keeps stop() for a while, not for ever', async () => {
  await using folder = await temporaryFolder()
  // Its children have the mark of a login, itself has none. So many that on a busy machine some are always there.
  const child = `FERRULE_SSH=${folder.path} sh -c 'echo begun; exec sleep 1000'`
  const script = `for i in $(seq 30); do while :; do ${child}; done & done; wait`
  const forker = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], env: {}, detached: true })
  try {
    await once(forker.stdout, 'data')
    const server = new SshServer({ folder: folder.path, home: folder.path, port: 1, endWithinMs: 300 })
    await expect(server.stop()).rejects.toMatchObject({
      type: 'CommandExecutionError',
      message: expect.stringMatching(/^what logged in does not end: process \d+/),
    })
  } finally {
    process.kill(-forker.pid!, 'SIGKILL')
  }
})
