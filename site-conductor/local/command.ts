// `ferrule-conductor local`: asks the running daemon to act, or acts in its place when none runs.
import { userInfo } from 'node:os'
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { confirmationOf, type Switched } from './actions.ts'
import { askDaemon } from './control.ts'
import { type StandIn, standIn } from './stand-in.ts'

export interface LocalCommand {
  readonly action: 'power' | 'abort' | 'console'
  readonly node: string
  readonly target?: string
  /** Serial number or name, as it is asked for; without it the person is asked. */
  readonly confirm?: string | undefined
  readonly reason?: string | undefined
}

interface Person {
  out(text: string): void
  error(text: string): void
  stdin(): Promise<string>
  readonly environment: Readonly<Record<string, string | undefined>>
}

const Text = z.string()

/** True when it was done. */
export async function localCommand(config: Config, log: Log, person: Person, command: LocalCommand): Promise<boolean> {
  try {
    person.out(await act(config, log, person, command))
    return true
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    person.error(`${error.message}\nNext: ${error.fault.hint}`)
    return false
  }
}

async function act(config: Config, log: Log, person: Person, command: LocalCommand): Promise<string> {
  const { action, node, target = '' } = command
  const { dataDir } = config
  if (action === 'console') {
    const told = await askDaemon(dataDir, { ask: 'console', node })
    if (told !== undefined) return Text.parse(told.value)
    return await inPlace(config, log, person, async ({ actions }) => actions.console({ node }))
  }
  const asked = await askDaemon(dataDir, { ask: 'confirmation', node })
  if (asked !== undefined) {
    const request = await requestOf(person, command, Text.parse(asked.value))
    const done = await askDaemon(
      dataDir,
      action === 'power' ? { ask: 'power', ...request, target } : { ask: 'abort', ...request },
    )
    if (done === undefined) throw new FaultError('unavailable', 'the daemon ended meanwhile')
    return textOf(command, done.value)
  }
  return await inPlace(config, log, person, async ({ actions }) => {
    const request = await requestOf(person, command, confirmationOf(actions.find(node)).what)
    return textOf(command, await (action === 'power' ? actions.power(request, target) : actions.abort(request)))
  })
}

async function inPlace<T>(config: Config, log: Log, person: Person, use: (place: StandIn) => Promise<T>): Promise<T> {
  const place = await standIn(config, log, (line) => person.error(line))
  try {
    return await use(place)
  } finally {
    await place.close()
  }
}

async function requestOf(person: Person, { node, confirm, reason }: LocalCommand, what: string) {
  const { environment } = person
  if (confirm === undefined) person.error(`Type the ${what} of the machine as it stands before you, then Ctrl-D:`)
  return {
    node,
    confirm: confirm ?? (await person.stdin()).trim(),
    by: environment['SUDO_USER'] ?? userInfo().username,
    ...(reason === undefined ? {} : { reason }),
  }
}

function textOf({ action, node }: LocalCommand, value: unknown): string {
  const done: string[] = []
  if (action === 'power') {
    const { state, fenced } = value as Switched
    const beware = 'Nobody was shut out at the BMC: make sure that no other conductor of the site drives this machine.'
    done.push(`${node}: ${state}`, fenced ? 'The BMC session of whoever drove it before is closed.' : beware)
  } else done.push(`${node}: ended ${(value as string[]).join(', ')}`)
  return [
    ...done,
    'This is on record. When the cloud is back, the node is in maintenance until somebody there has looked at it.',
  ].join('\n')
}
