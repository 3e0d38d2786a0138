import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { endProcess } from './end-process.ts'

test('a process that died before, or never started, is not waited for', async () => {
  const dead = spawn('true', { stdio: 'ignore' })
  await once(dead, 'exit')
  expect(await endProcess(dead, 'SIGTERM')).toBe(false)
  const never = spawn('/nowhere/program', { stdio: 'ignore' })
  await once(never, 'error')
  expect(await endProcess(never)).toBe(false)
})

test('a process that is deaf to SIGTERM is killed', async () => {
  const deaf = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(deaf.stdout, 'data')
  expect(await endProcess(deaf, 'SIGTERM', 100)).toBe(true)
  expect(deaf.signalCode).toBe('SIGKILL')
})
