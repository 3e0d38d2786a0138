// drizzle-kit's configuration for the directory's database: `npm run migrations` writes migrations/directory from the schema.
import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'turso',
  schema: './cloud/schema/directory.ts',
  out: './migrations/directory',
  migrations: { table: 'migrations_directory' },
})
