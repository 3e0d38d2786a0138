// libSQL over HTTP (Turso, or any sqld) as the Sql port.
// 1. Nothing is shared between requests: a client that is hangs workerd for good once promises of two requests cross (seen at 16 at once),
// so each statement has its own. 2. A busy database is asked again; a statement that takes too long is given up.
import { createClient, type Client, LibsqlError, type ResultSet } from '@libsql/client/web'
import type { Row, Sql, SqlValue, Statement, Store } from '../ports.ts'

const TIMEOUT_MS = 10_000
const BUSY_TRIES = 6
const BUSY_WAIT_MS = 20

export class HttpDatabase implements Sql {
  #config: { url: string; authToken?: string }

  constructor(url: string, token: string | undefined) {
    this.#config = token ? { url, authToken: token } : { url }
  }

  async all(sql: string, args: readonly SqlValue[] = []): Promise<Row[]> {
    return rows(await this.#ask((client) => client.execute({ sql, args: [...args] })))
  }

  async batch(statements: readonly Statement[]): Promise<Row[][]> {
    const list = statements.map(({ sql, args }) => ({ sql, args: [...args] }))
    return (await this.#ask((client) => client.batch(list, 'write'))).map(rows)
  }

  async #ask<T>(what: (client: Client) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      const giveUp = new AbortController()
      // Cleared below: a timer that runs on (as AbortSignal.timeout's does) keeps a Durable Object from sleeping, and billed.
      const timer = setTimeout(
        () => giveUp.abort(new Error(`the database took more than ${TIMEOUT_MS} ms`)),
        TIMEOUT_MS,
      )
      const ask = (request: Request): Promise<Response> => fetch(request, { signal: giveUp.signal })
      const client = createClient({ ...this.#config, intMode: 'number', fetch: ask })
      try {
        return await what(client)
      } catch (error) {
        if (!isBusy(error) || tried === BUSY_TRIES) throw error
        await new Promise((done) => setTimeout(done, Math.random() * BUSY_WAIT_MS * 2 ** tried))
      } finally {
        clearTimeout(timer)
        client.close()
      }
    }
  }
}

/** A directory, and the organisations' databases by a template: `{organisation}` in the URL is the id. */
export class HttpStore implements Store {
  readonly directory: Sql
  #url: string
  #token: string | undefined

  constructor(
    directory: { url: string; token: string | undefined },
    organisation: { url: string; token: string | undefined },
  ) {
    this.directory = new HttpDatabase(directory.url, directory.token)
    this.#url = organisation.url
    this.#token = organisation.token
  }

  organisation(id: string): Sql {
    return new HttpDatabase(this.#url.replace('{organisation}', id), this.#token)
  }
}

// A busy batch was not applied: its BEGIN failed.
function isBusy(error: unknown): boolean {
  return error instanceof LibsqlError && /SQLITE_BUSY|database is locked/.test(`${error.code} ${error.message}`)
}

function rows(result: ResultSet): Row[] {
  return result.rows.map((row) => Array.from(row, (value) => value as SqlValue))
}
