// What the set-up tells the tests inside workerd.
declare module 'vitest' {
  interface ProvidedContext {
    /** URL of a database; `{organisation}` in it becomes its name. */
    database: string
    /** Token of the first person. */
    token: string
    /** A POST there makes an organisation and answers the token of its first person. */
    organisations: string
  }
}

/** Name of the database that is the directory. */
export const DIRECTORY = 'directory'
