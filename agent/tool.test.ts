import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { runTool } from './tool.ts'

it('what a program has started ends with it when it is aborted', async () => {
  const controller = new AbortController()
  const seen: string[] = []
  const running = runTool('sh', ['-c', 'sleep 1000 & echo $!; wait'], {
    signal: controller.signal,
    onLine(line) {
      seen.push(line)
      controller.abort()
    },
  })
  expect(await running).toMatchObject({ code: 137, stdout: `${seen[0]}\n` })
  // Gone, or ended and not yet asked for by who has it now.
  const state = await readFile(`/proc/${seen[0]}/stat`, 'utf8').catch(() => 'gone')
  expect(state).toMatch(/^gone$|\) Z /)
})

it('a program that is not there is an answer', async () => {
  expect(await runTool('/nonexistent/program', [])).toMatchObject({
    code: 127,
    stderr: expect.stringContaining('ENOENT'),
  })
})

it('a program that has ended by a signal, with its output still open elsewhere, can be aborted', async () => {
  const controller = new AbortController()
  const pid = Promise.withResolvers<string>()
  const running = runTool('sh', ['-c', 'setsid sleep 1 & echo $$; kill -KILL $$'], {
    signal: controller.signal,
    onLine: pid.resolve,
  })
  const program = await pid.promise
  await expect.poll(() => readFile(`/proc/${program}/stat`, 'utf8').catch(() => 'gone')).toBe('gone')
  controller.abort()
  expect(await running).toMatchObject({ code: 137 })
})

it('what a program has left behind that has ended itself ends when it is aborted', async () => {
  const controller = new AbortController()
  const pid = Promise.withResolvers<string>()
  const running = runTool('sh', ['-c', 'sleep 1000 & echo $$'], { signal: controller.signal, onLine: pid.resolve })
  const program = await pid.promise
  await expect.poll(() => readFile(`/proc/${program}/stat`, 'utf8').catch(() => 'gone')).toBe('gone')
  controller.abort()
  expect(await running).toMatchObject({ code: 0 })
})
