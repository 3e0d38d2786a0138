// A node with a graphical console at a whole conductor: switched on and off by tasks, asked for as the API asks.
import type { Config } from '../../config.ts'
import { fakeGrant, fakeStep } from '../../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../../testing/fake-site.ts'
import type { ScreenInfo } from '../door.ts'

export class ConsoleBench implements AsyncDisposable {
  readonly site: FakeSite
  #count = 0

  constructor(site: FakeSite) {
    this.site = site
  }

  /** `grant`: of the node `n`. */
  static async start(grant: Parameters<typeof fakeGrant>[1], config: Partial<Config> = {}): Promise<ConsoleBench> {
    const drivers = [grant!.driver ?? 'fake-hardware']
    const site = await fakeSite({ drivers, consolePorts: '24000-24999', vncPort: 0, powerPollS: 3_600, ...config })
    site.hub.grants.set('n', fakeGrant('n', grant))
    await site.start()
    await site.hub.next('hello')
    return new ConsoleBench(site)
  }

  async task(name: `${string}.${string}`, args = {}) {
    const { hub } = this.site
    const id = `t${++this.#count}`
    hub.give({ id, node: 'n', kind: 'settings', steps: [{ ...fakeStep(name), args }] })
    return (await hub.next('result', (frame) => frame.id === id)).outcome
  }

  async on(): Promise<void> {
    const outcome = await this.task('console.start_console')
    if (!outcome.ok) throw new Error(outcome.fault.message)
  }

  async call(kind: string, method: string) {
    const { hub } = this.site
    const rid = ++this.#count
    const { epoch } = hub.grants.get('n')!
    hub.send({ type: 'call', rid, node: 'n', epoch, interface: kind, method, args: {}, timeoutMs: 5_000 })
    return await hub.next('answer', (frame) => frame.rid === rid)
  }

  async info(): Promise<ScreenInfo> {
    return (await this.call('console', 'get_console')).result as ScreenInfo
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.close()
  }
}
