import { expect, test } from 'vitest'
import { parseEndpoint } from './endpoint.ts'
import { openScreen } from './screen.ts'
import { Session } from './session.ts'
import { openWire } from './wire.ts'

test('a screen that nobody wants any more is not opened, and its end disturbs nobody else', async () => {
  const wire = openWire(parseEndpoint('http://127.0.0.1:1'), true)
  const signal = AbortSignal.abort()
  await expect(openScreen(new Session(wire, {}, undefined), '/kvm/0', { signal })).rejects.toMatchObject({
    kind: 'aborted',
  })
  // An error that nobody listens for is told in the next turn, and would end the process.
  await new Promise((resolve) => setImmediate(resolve))
  wire.close()
})
