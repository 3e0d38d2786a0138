// Tables of the directory: which organisation a token or a conductor belongs to. Everything else is in the organisation's own database.
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const organisations = sqliteTable('organisations', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  created_at: text('created_at').notNull(),
})

/** Bearer tokens (frp_, frs_): only the SHA-256 is kept. */
export const tokens = sqliteTable('tokens', {
  hash: text('hash').primaryKey(),
  id: text('id').notNull().unique(),
  organisation: text('organisation').notNull(),
  name: text('name').notNull(),
  prefix: text('prefix').notNull(),
  last_four: text('last_four').notNull(),
  scopes: text('scopes', { mode: 'json' }).notNull().default([]),
  expires_at: text('expires_at'),
  revoked_at: text('revoked_at'),
  created_at: text('created_at').notNull(),
})

/** Enrolment tokens (fre_): burnt by use. */
export const enrolTokens = sqliteTable('enrol_tokens', {
  hash: text('hash').primaryKey(),
  id: text('id').notNull().unique(),
  organisation: text('organisation').notNull(),
  site: text('site').notNull(),
  uses_left: integer('uses_left').notNull().default(1),
  labels: text('labels', { mode: 'json' }).notNull().default({}),
  expires_at: text('expires_at').notNull(),
  revoked_at: text('revoked_at'),
  created_at: text('created_at').notNull(),
})

/** Where a conductor's upgrade request goes, and the key that must have signed it. */
export const conductorKeys = sqliteTable('conductor_keys', {
  id: text('id').primaryKey(),
  organisation: text('organisation').notNull(),
  site: text('site').notNull(),
  identity_key: text('identity_key').notNull(),
  revoked_at: text('revoked_at'),
})
