// The host contract inside workerd: Durable Objects, hibernating sockets, libSQL over HTTP.
import { describe, it } from 'vitest'
import { CONTRACT } from '../contract.ts'
import { host } from './test-host.ts'

describe('host contract', () => {
  it.each(CONTRACT)('$name', ({ run }) => run(host))
})
