// A MariaDB out of Debian's packages, a process of its own: one empty database, a Unix socket, no network, settings as they come. Everything is in
// one folder, which goes at the end.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { endProcess } from '../../lab/end-process.ts'

export interface Mariadb {
  /** What SQLAlchemy connects to, the database's name in it. */
  readonly connection: string
  readonly pid: number
  stop(): Promise<void>
}

/** Resolves when it takes connections. Throws, and leaves nothing, when it does not start. */
export async function startMariadb(database: string): Promise<Mariadb> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-mariadb-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const [init, socket] = [join(folder, 'init.sql'), join(folder, 'socket')]
  writeFileSync(init, `CREATE DATABASE ${database} CHARACTER SET utf8mb3;\n`)
  const common = ['--no-defaults', `--datadir=${join(folder, 'data')}`, `--user=${userInfo().username}`]
  const made = spawnSync('mariadb-install-db', [...common, '--auth-root-authentication-method=normal'], {
    encoding: 'utf8',
  })
  if (made.status !== 0) {
    remove()
    throw new Error(`mariadb-install-db: ${made.error ?? `${made.stdout}${made.stderr}`.slice(-2000)}`)
  }
  // Its directory is not in everybody's PATH.
  const server = spawn('/usr/sbin/mariadbd', [...common, `--socket=${socket}`, '--skip-networking', `--init-file=${init}`], { stdio: ['ignore', 'ignore', 'pipe'] }) // prettier-ignore
  // Who is interrupted comes to no stop().
  const abandon = () => (server.kill('SIGKILL'), remove())
  process.once('exit', abandon)
  const stop = async () => {
    await endProcess(server)
    remove()
    process.off('exit', abandon)
  }
  const said: string[] = []
  try {
    await new Promise<void>((done, failed) => {
      createInterface({ input: server.stderr }).on('line', (line) => {
        said.push(line)
        if (line.includes('ready for connections')) done()
      })
      server.once('error', failed)
      server.once('exit', () => failed(new Error(`mariadbd ended: ${said.slice(-20).join('\n')}`)))
    })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    connection: `mysql+pymysql://root@localhost/${database}?unix_socket=${socket}&charset=utf8`,
    pid: server.pid!,
    stop,
  }
}
