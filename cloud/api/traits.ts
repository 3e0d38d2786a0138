// Traits as a part of something: read, replaced, added and removed at …/traits.
import { z } from 'zod'
import { check, readBody } from './body.ts'
import { empty, json, type Call, type Route } from './call.ts'
import { readQuery } from './query.ts'
import { Trait } from './shapes.ts'

export interface TraitStore {
  /** Throws 404. */
  read(call: Call, ident: string): Promise<string[]>
  change(call: Call, ident: string, change: 'set' | 'add' | 'remove', traits?: readonly string[]): Promise<void>
}

/** Clients send an empty object, or no body. */
const Nothing = z.strictObject({})
const TraitsBody = z.strictObject({ traits: z.array(Trait).max(255) })

/** Routes below `path`, such as /v1/nodes/:ident. */
export function traitRoutes(path: string, noun: string, since: number, store: TraitStore): Route[] {
  const all = `${path}/traits`
  const one = `${all}/:trait`
  const ident = (call: Call) => {
    readQuery(call.search, [])
    return call.params['ident']!
  }
  return [
    {
      method: 'GET',
      path: all,
      since,
      about: `Lists the traits of a ${noun}`,
      run: async (call) => json({ traits: await store.read(call, ident(call)) }),
    },
    {
      method: 'PUT',
      ok: 204,
      path: all,
      since,
      about: `Replaces the traits of a ${noun}`,
      body: TraitsBody,
      async run(call) {
        const of = ident(call)
        await store.change(call, of, 'set', (await readBody(call.request, TraitsBody)).traits)
        return empty(204)
      },
    },
    {
      method: 'DELETE',
      path: all,
      since,
      about: `Removes all traits of a ${noun}`,
      async run(call) {
        await store.change(call, ident(call), 'set', [])
        return empty(204)
      },
    },
    {
      method: 'PUT',
      ok: 204,
      path: one,
      since,
      about: `Adds a trait to a ${noun}`,
      body: Nothing,
      async run(call) {
        const of = ident(call)
        await readBody(call.request, Nothing)
        const trait = check(Trait, call.params['trait'], 'trait')
        await store.change(call, of, 'add', [trait])
        return empty(204, { Location: `${call.base}${path.replace(':ident', of)}/traits/${trait}` })
      },
    },
    {
      method: 'DELETE',
      path: one,
      since,
      about: `Removes a trait of a ${noun}`,
      async run(call) {
        await store.change(call, ident(call), 'remove', [call.params['trait']!])
        return empty(204)
      },
    },
  ]
}
