import { expect, test } from 'vitest'
import { FakeEnv } from './testing/fake-env.ts'
import { bounded } from './timing.ts'

test('a limit that begins anew counts from there, and one of work that has ended counts no more', async () => {
  const env = new FakeEnv()
  const done = Promise.withResolvers<string>()
  let again = () => {}
  const outer = new AbortController().signal
  const run = () =>
    bounded(env, { ms: 1000, what: 'waiting' }, outer, async (_, restart) => {
      again = restart
      return await done.promise
    })
  const first = run()
  env.advance(900)
  again()
  env.advance(900)
  done.resolve('done')
  expect(await first).toBe('done')
  again()
  const late = bounded(env, { ms: 1000, what: 'waiting' }, outer, () => new Promise(() => {}))
  late.catch(() => {})
  env.advance(1001)
  await expect(late).rejects.toMatchObject({ fault: { code: 'timeout', message: 'waiting took longer than 1 s' } })
})
