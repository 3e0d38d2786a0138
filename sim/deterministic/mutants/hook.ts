// Loaded before a worker of the simulator (`node --import …/hook.ts?mutant=ID`): one production module is another one in there.
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MUTANTS } from './all.ts'
import { mutated, ROOT } from './mutant.ts'

const id = new URL(import.meta.url).searchParams.get('mutant')
const mutant = MUTANTS.find((each) => each.id === id)
if (mutant === undefined) throw new Error(`there is no mutant ${id}`)
const target = pathToFileURL(join(ROOT, mutant.file)).href

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (url !== target) return loaded
    const source = Buffer.from(loaded.source as Uint8Array).toString()
    return { ...loaded, source: mutated(mutant, source), shortCircuit: true }
  },
})
