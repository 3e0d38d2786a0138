// drizzle-kit's configuration for an organisation's database: `npm run migrations` writes migrations/organisation from the schema.
import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'turso',
  schema: './cloud/schema/organisation*.ts',
  out: './migrations/organisation',
  migrations: { table: 'migrations_organisation' },
})
