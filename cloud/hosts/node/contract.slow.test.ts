// The host contract on Node.
import { afterAll, beforeAll, describe, it } from 'vitest'
import { CONTRACT } from '../contract.ts'
import { startTestHost, type TestHost } from './test-host.ts'

describe('host contract', () => {
  let host: TestHost
  beforeAll(async () => {
    host = await startTestHost()
  })
  afterAll(() => host.stop())
  it.each(CONTRACT)('$name', ({ run }) => run(host))
})
