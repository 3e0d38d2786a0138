// A real Cinder out of Debian's packages, in one process on loopback: no authentication, SQLite, no message broker (one_process.py).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DebianService, startDebianService } from '../debian-service.ts'

const VOLUME_TRIES = 600
const PROJECT = 'ferrule'

export async function startCinder(): Promise<DebianService> {
  const { url, stop } = await startDebianService({
    name: 'Cinder',
    prepare(folder, port) {
      const config = join(folder, 'cinder.conf')
      writeFileSync(config, configOf(folder, port))
      writeFileSync(join(folder, 'paste.ini'), PASTE)
      writeFileSync(join(folder, 'filters.json'), '{}')
      return {
        database: ['cinder-manage', '--config-file', config, 'db', 'sync'],
        // Debian's own Python, which has Debian's packages.
        server: ['/usr/bin/python3', join(import.meta.dirname, 'one_process.py'), '--config-file', config],
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      }
    },
    isUp: (at) => makesVolumes(`${at}/v3`),
  })
  return { url: `${url}/v3`, stop }
}

/** Says to Cinder without authentication who asks. */
export const NOBODY = { 'x-auth-token': `${PROJECT}:${PROJECT}` }

/** A volume of 1 GB, when it is there; answers its id. */
export async function newVolume(url: string): Promise<string> {
  const body = JSON.stringify({ volume: { size: 1 } })
  const headers = { ...NOBODY, 'content-type': 'application/json' }
  const made = await fetch(`${url}/volumes`, { method: 'POST', headers, body })
  const { volume } = (await made.json()) as { volume: { id: string } }
  for (let i = 0; i < VOLUME_TRIES; i++) {
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
