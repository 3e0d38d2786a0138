// Our server and other people's clients; and, as a measure of what they are worth, other people's servers and our client.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TftpServer } from './server.ts'
import { spoilingProxy } from './peer/proxy.ts'

const run = promisify(execFile)
const file = Buffer.from(Array.from({ length: 1_000_003 }, (_, at) => (at * 31 + (at >> 9)) & 0xff))
const folder = mkdtempSync(join(tmpdir(), 'ferrule-tftp-'))
const server = new TftpServer({
  address: '127.0.0.1',
  port: 0,
  open: (name) =>
    name === 'loader'
      ? { sizeBytes: file.length, read: (offset, length) => file.subarray(offset, offset + length) }
      : null,
})

function needs(program: string, debianPackage: string): void {
  const found = spawnSync('which', [program]).status === 0
  if (!found) throw new Error(`${program} is missing: apt-get install ${debianPackage}`)
}

beforeAll(async () => {
  needs('atftp', 'atftp')
  needs('busybox', 'busybox-static')
  needs('curl', 'curl')
  await server.start()
})

afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

function fetched(name: string): boolean {
  return readFileSync(join(folder, name)).equals(file)
}

describe('other clients fetch a megabyte from our TFTP server', () => {
  it.each([
    ['plain', []],
    ['blksize', ['--option', 'blksize 1468']],
    ['windowsize', ['--option', 'blksize 1468', '--option', 'windowsize 16']],
    [
      'all options',
      ['--option', 'tsize', '--option', 'timeout 2', '--option', 'blksize 8192', '--option', 'windowsize 8'],
    ],
  ])('atftp, %s', async (name, options) => {
    const to = `atftp ${name}`
    const args = [...options, '--get', '--remote-file', 'loader', '--local-file', join(folder, to)]
    await run('atftp', [...args, '127.0.0.1', String(server.port)])
    expect(fetched(to)).toBe(true)
  })

  it.each([512, 1468, 8192])('busybox tftp, blksize %d', async (blockBytes) => {
    const to = `busybox ${blockBytes}`
    const args = ['tftp', '-g', '-b', String(blockBytes), '-r', 'loader', '-l', join(folder, to)]
    await run('busybox', [...args, '127.0.0.1', String(server.port)])
    expect(fetched(to)).toBe(true)
  })

  it('curl', async () => {
    const url = `tftp://127.0.0.1:${server.port}/loader`
    await run('curl', ['--silent', '--fail', '--max-time', '30', '--output', join(folder, 'curl'), url])
    expect(fetched('curl')).toBe(true)
  })

  it('curl, told that there is no such file', async () => {
    const url = `tftp://127.0.0.1:${server.port}/absent`
    // 68: TFTP file not found (curl's exit codes).
    await expect(run('curl', ['--silent', url])).rejects.toMatchObject({ code: 68 })
  })

  it.each([1, 4, 16])('npm tftp, window %d', async (windowSize) => {
    const to = join(folder, `npm ${windowSize}`)
    await npmGet(server.port, to, windowSize)
    expect(readFileSync(to).equals(file)).toBe(true)
  })

  it.each([
    { name: 'loses 1 %', seed: 3, loss: 0.01, options: ['--option', 'blksize 8192'] },
    // Without options, and with a seed that spares the first packets: a second OACK makes atftp 0.8 give up.
    { name: 'doubles 20 %', seed: 3, double: 0.2, options: [] },
    {
      name: 'reorders 5 %',
      seed: 5,
      reorder: 0.05,
      options: ['--option', 'blksize 1468', '--option', 'windowsize 16'],
    },
  ])('atftp over a network that $name', async ({ name, options, ...spoiling }) => {
    const proxy = await spoilingProxy({ address: '127.0.0.1', port: server.port }, spoiling)
    const to = `atftp ${name}`
    const args = [...options, '--get', '--remote-file', 'loader', '--local-file', join(folder, to)]
    await run('atftp', [...args, '127.0.0.1', String(proxy.port)])
    await proxy.close()
    expect(fetched(to)).toBe(true)
    expect(proxy.counts.lost + proxy.counts.doubled + proxy.counts.reordered).toBeGreaterThan(0)
  })
})

interface NpmTftp {
  createClient(options: object): {
    get(remote: string, local: string, then: (error: Error | null) => void): void
  }
}

function npmGet(port: number, to: string, windowSize: number): Promise<void> {
  const tftp = createRequire(import.meta.url)('tftp') as NpmTftp
  const client = tftp.createClient({ host: '127.0.0.1', port, windowSize })
  return new Promise((resolve, reject) => {
    client.get('loader', to, (error) => (error ? reject(error) : resolve()))
  })
}
