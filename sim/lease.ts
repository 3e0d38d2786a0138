// A site's lease, shorter than there is a use for in life, so that a simulated outage takes seconds. Written into the cloud's database file
// before a conductor comes: it is a setting of the server (ownership.md, rule 1).
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { FileDatabase } from '../cloud/hosts/node/database.ts'

/** Of every site that is there. A conductor gets it with its next hello. */
export async function setLease(cloudDataDir: string, leaseMs: number): Promise<void> {
  const folder = join(cloudDataDir, 'organisations')
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.db'))) {
    const database = new FileDatabase(join(folder, name))
    await database.batch([{ sql: 'UPDATE sites SET lease_ms = ?', args: [leaseMs] }])
    database.close()
  }
}
