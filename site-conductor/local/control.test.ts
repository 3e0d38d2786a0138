// The host's questions to a daemon that hangs.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askDaemon } from './control.ts'

let dataDir: string
let server: Server
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ferrule-control-'))
  server = createServer((socket) => socket.resume())
  await new Promise<void>((resolve) => server.listen(join(dataDir, 'control.sock'), resolve))
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rm(dataDir, { recursive: true })
})

test('a daemon that does not answer is waited for so long and no longer, and the person is told what to do', async () => {
  const fault = {
    code: 'timeout',
    message: 'the daemon did not answer within 0.05 s',
    hint: expect.stringContaining('stop it') as string,
  }
  await expect(askDaemon(dataDir, { ask: 'status' }, 50)).rejects.toMatchObject({ fault })
})

test('of an action that was not answered it is said that it may have happened', async () => {
  const power = { ask: 'power', node: 'n', confirm: 'x', by: 'ada', target: 'off' } as const
  const fault = {
    message: expect.stringContaining('whether the action was carried out is not known') as string,
    hint: expect.stringContaining('look at the machine') as string,
  }
  await expect(askDaemon(dataDir, power, 50)).rejects.toMatchObject({ fault })
})
