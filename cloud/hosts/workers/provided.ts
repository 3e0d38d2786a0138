// What the set-up tells the tests inside workerd.
declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the database. */
    database: string
    /** Token of the first person. */
    token: string
  }
}

export type Provided = 'database' | 'token'
