// Brings a store up to date; one without any data gets what a person needs to begin: an organisation, its site `default`, and the token of its first person, shown once.
import { hashToken, newToken, uuidv7 } from '../../shared/ids.ts'
import type { Env } from '../../shared/env.ts'
import type { Store } from '../ports.ts'
import { organisations, tokens } from '../schema/directory.ts'
import { sites } from '../schema/organisation.ts'
import { insert, isoTime } from '../schema/rows.ts'
import { migrate, type Migration } from './migrate.ts'

export type MigrationSet = 'directory' | 'organisation'

/** Brings every database up to date. Answers the token when there was no organisation yet. */
export async function prepare(
  store: Store,
  env: Env,
  read: (set: MigrationSet) => Migration[],
): Promise<string | undefined> {
  await migrate(store.directory, 'migrations_directory', read('directory'))
  const existing = (await store.directory.all('SELECT id FROM organisations')).map(([id]) => String(id))
  const migrations = read('organisation')
  for (const id of existing) await migrate(store.organisation(id), 'migrations_organisation', migrations)
  if (existing.length > 0) return undefined
  return newOrganisation(store, env, migrations, 'default')
}

/** Makes its database, with a site `default`. Answers the token of its first person. */
export async function newOrganisation(
  store: Store,
  env: Env,
  migrations: readonly Migration[],
  name: string,
): Promise<string> {
  const [organisation, created_at] = [uuidv7(env), isoTime(env.now())]
  const token = newToken('frp', env)
  // The directory comes last: a start that was cut short is a first start again.
  const database = store.organisation(organisation)
  await migrate(database, 'migrations_organisation', migrations)
  await database.batch([insert(sites, { id: uuidv7(env), name: 'default', created_at })])
  await store.directory.batch([
    insert(organisations, { id: organisation, name, created_at }),
    insert(tokens, {
      hash: await hashToken(token),
      id: uuidv7(env),
      organisation,
      name: 'first',
      prefix: 'frp',
      last_four: token.slice(-4),
      created_at,
    }),
  ])
  return token
}
