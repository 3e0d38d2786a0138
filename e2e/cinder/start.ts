// A real Cinder out of Debian's packages, in one process on loopback: no authentication, SQLite, no message broker (one_process.py). Everything is in one folder,
// which goes at the end.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Cinder {
  /** With /v3 at its end. */
  readonly url: string
  stop(): Promise<void>
}

const START_TRIES = 600
const PROJECT = 'ferrule'

export async function startCinder(): Promise<Cinder> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-cinder-'))
  const port = await freePort()
  const config = join(folder, 'cinder.conf')
  writeFileSync(config, configOf(folder, port))
  writeFileSync(join(folder, 'paste.ini'), PASTE)
  writeFileSync(join(folder, 'filters.json'), '{}')
  const made = spawnSync('cinder-manage', ['--config-file', config, 'db', 'sync'], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`cinder-manage: ${made.error ?? made.stderr.slice(-2000)}`)
  const log = openSync(join(folder, 'log'), 'a')
  const script = join(import.meta.dirname, 'one_process.py')
  // Debian's own Python, which has Debian's packages.
  const child = spawn('/usr/bin/python3', [script, '--config-file', config], {
    stdio: ['ignore', log, log],
    detached: true,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  closeSync(log)
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      process.kill(-child.pid!, 'SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}/v3`
  for (let i = 0; i < START_TRIES && child.exitCode === null; i++) {
    if (await makesVolumes(url)) return { url, stop }
    await sleep(100)
  }
  const said = readFileSync(join(folder, 'log'), 'utf8').slice(-3000)
  await stop()
  throw new Error(`Cinder did not start: ${said}`)
}

/** Says to Cinder without authentication who asks. */
export const NOBODY = { 'x-auth-token': `${PROJECT}:${PROJECT}` }

/** A volume of 1 GB, when it is there; answers its id. */
export async function newVolume(url: string): Promise<string> {
  const body = JSON.stringify({ volume: { size: 1 } })
  const headers = { ...NOBODY, 'content-type': 'application/json' }
  const made = await fetch(`${url}/volumes`, { method: 'POST', headers, body })
  const { volume } = (await made.json()) as { volume: { id: string } }
  for (let i = 0; i < START_TRIES; i++) {
    const { status } = (
      (await (await fetch(`${url}/volumes/${volume.id}`, { headers })).json()) as { volume: { status: string } }
    ).volume
    if (status === 'available') return volume.id
    if (status === 'error') throw new Error('the volume could not be made')
    await sleep(100)
  }
  throw new Error('the volume was not made')
}

/** Its scheduler knows the back end. */
async function makesVolumes(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/scheduler-stats/get_pools`, { headers: NOBODY })
    return answer.ok && ((await answer.json()) as { pools: unknown[] }).pools.length > 0
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

function configOf(folder: string, port: number): string {
  return `[DEFAULT]
auth_strategy = noauth
transport_url = fake://
host = one
state_path = ${folder}
enabled_backends = file
scheduler_driver_init_wait_time = 1
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = ${port}
osapi_volume_workers = 1
api_paste_config = ${folder}/paste.ini
resource_query_filters_file = ${folder}/filters.json
[database]
connection = sqlite:///${folder}/cinder.db
[oslo_concurrency]
lock_path = ${folder}
[coordination]
backend_url = file://${folder}/coordination
[file]
volume_driver = one_process.Volumes
volume_backend_name = file
`
}

/** Of /etc/cinder/api-paste.ini, which not everybody may read, what is needed. */
const PASTE = `[composite:osapi_volume]
use = call:cinder.api:root_app_factory
/v3: v3
[pipeline:v3]
pipeline = faultwrap noauth apiv3
[filter:faultwrap]
paste.filter_factory = cinder.api.middleware.fault:FaultWrapper.factory
[filter:noauth]
paste.filter_factory = cinder.api.middleware.auth:NoAuthMiddleware.factory
[app:apiv3]
paste.app_factory = cinder.api.v3.router:APIRouter.factory
`
