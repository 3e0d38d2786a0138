// As many databases as are asked for, in one sqld: `/{name}/…` of its door is the database of that name. (sqld chooses by the first label
// of the host's name, for which there is no resolver where tests run.)
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const START_TRIES = 200

export interface Databases {
  /** With `{organisation}` for the name. */
  readonly url: string
  stop(): Promise<void>
}

export async function startDatabases(program: string): Promise<Databases> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-sqld-'))
  const at = (port: number) => `127.0.0.1:${port}`
  const listen = ['--http-listen-addr', at(port), '--admin-listen-addr', at(adminPort)]
  const sqld = spawn(program, ['--no-welcome', '--enable-namespaces', '-d', join(folder, 'data'), ...listen], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  sqld.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-4000)))
  const ended = new Promise<void>((done) => sqld.on('exit', () => done()))
  await answering(`http://${at(port)}/health`, () => said)

  const made = new Map<string, Promise<unknown>>()
  const make = async (name: string): Promise<void> => {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }
    const answer = await fetch(`http://${at(adminPort)}/v1/namespaces/${name}/create`, init)
    if (!answer.ok) throw new Error(`no database ${name}: ${await answer.text()}`)
  }
  const agent = new Agent({ keepAlive: true })
  const pass = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, name = '', ...rest] = message.url!.split('/')
    if (!made.has(name)) made.set(name, make(name))
    await made.get(name)
    const { method, headers } = message
    const path = `/${rest.join('/')}`
    const onward = request({ port, method, path, agent, headers: { ...headers, host: `${name}.test` } }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    message.pipe(onward)
  }
  const door = createServer((message, response) => void pass(message, response).catch(() => response.destroy()))
  await new Promise<void>((done) => door.listen(0, '127.0.0.1', done))
  return {
    url: `http://${at((door.address() as AddressInfo).port)}/{organisation}/`,
    async stop() {
      door.close()
      door.closeAllConnections()
      agent.destroy()
      sqld.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answering(url: string, said: () => string): Promise<void> {
  for (let i = 0; i < START_TRIES; i++) {
    const up = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (up) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`sqld does not answer at ${url}: ${said()}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
