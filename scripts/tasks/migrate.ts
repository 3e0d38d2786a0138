// `npm run migrate -- --directory URL --organisation URL`: brings libSQL databases (Turso, or any sqld) to the schema, for the Worker.
// On empty ones it makes the first organisation, its site `default` and the token of its first person, which it prints once.
import { parseArgs } from 'node:util'
import { readMigrations } from '../../cloud/hosts/node/migrations.ts'
import { prepare } from '../../cloud/store/first-start.ts'
import { HttpStore } from '../../cloud/store/http.ts'
import { systemEnv } from '../../shared/env.ts'

const HELP = `npm run migrate -- --directory URL [--organisation URL]

  --directory URL      the directory database, as DIRECTORY_URL in wrangler.toml
  --organisation URL   the organisations' databases, as ORGANISATION_URL ({organisation} stands for the id); default: the same database
  --help               this text

Tokens of the databases are taken from the environment: DIRECTORY_TOKEN, ORGANISATION_TOKEN.`

const { values } = parseArgs({
  options: { directory: { type: 'string' }, organisation: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
})
if (values.help || values.directory === undefined) {
  console.log(HELP)
  process.exit(values.help ? 0 : 2)
}
try {
  const directory = { url: values.directory, token: process.env['DIRECTORY_TOKEN'] }
  const organisation = values.organisation
    ? { url: values.organisation, token: process.env['ORGANISATION_TOKEN'] }
    : directory
  const token = await prepare(new HttpStore(directory, organisation), systemEnv, (set) => readMigrations(set))
  console.log('the databases have the schema of this version')
  if (token) console.log(`token of the first person (shown once): ${token}`)
} catch (error) {
  console.error(`the databases could not be migrated: ${(error as Error).message}`)
  process.exit(1)
}
