// Ironic's console interface `fake-graphical`: a screen for every driver, behind which there is nothing of the machine but what its node knows. It shows
// that a viewer comes through.
import type { Context, Implementation } from '../../driver.ts'
import { serveDesktop } from '../../rfb/serve.ts'
import { RfbStream } from '../../rfb/stream.ts'
import { graphicalConsole } from './console.ts'
import { TestPicture } from './test-picture.ts'

/** A BMC is not asked more often for a picture. */
const POWER_EVERY_MS = 5_000

export function fakeGraphical<Info>(): Implementation<Info> {
  return graphicalConsole<Info>({
    async join(context, client, accept) {
      const { node, env, signal } = context
      const picture = new TestPicture({ name: node.name, uuid: node.node })
      accept()
      const over = new AbortController()
      const watching = watchPower(context, picture, over.signal)
      try {
        await serveDesktop(new RfbStream(client), picture, env, signal)
      } finally {
        over.abort()
        await watching
      }
    },
  })
}

async function watchPower<Info>(context: Context<Info>, picture: TestPicture, over: AbortSignal): Promise<void> {
  const { env, other } = context
  const look = other('power')?.methods?.['get_power_state']
  while (!over.aborted) {
    const seen = await look?.({ ...context, signal: over } as Context, {}).catch(() => null)
    picture.power(typeof seen === 'string' ? seen : null)
    await new Promise<void>((resolve) => {
      const stop = env.setTimer(POWER_EVERY_MS, resolve)
      over.addEventListener('abort', () => (stop(), resolve()), { once: true })
    })
  }
}
