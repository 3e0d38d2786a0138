// What all graphical consoles have in common: a screen at the conductor, one viewer at a time, let in by a ticket. A driver says what is behind it.
import { FaultError } from '../../../shared/faults.ts'
import type { Context, Implementation } from '../../driver.ts'
import type { ScreenDoor } from '../../screens/door.ts'

export interface Behind<Info> {
  /** Throws where this machine has none, by what is known without asking it. */
  readonly validate?: (context: Context<Info>) => void
  /** The same by asking it. */
  readonly check?: (context: Context<Info>) => Promise<void>
  readonly join: NonNullable<Implementation<Info>['join']>
}

function doorOf({ site }: Context<never>): ScreenDoor {
  if (site.screens === undefined)
    throw new FaultError('driver.unsupported', 'this conductor serves no graphical consoles')
  return site.screens
}

export function graphicalConsole<Info>({ validate, check, join }: Behind<Info>): Implementation<Info> {
  const door = (context: Context<Info>) => doorOf(context as Context<never>)
  return {
    validate(context) {
      door(context)
      validate?.(context)
    },
    steps: {
      async start_console(context) {
        await check?.(context)
        context.before()
        await door(context).start(context.node.node)
        return { facts: { console_enabled: true } }
      },
      async stop_console(context) {
        await door(context).stop(context.node.node)
        return { facts: { console_enabled: false } }
      },
    },
    methods: {
      get_console: async (context) => door(context).tell(context.node.node) ?? null,
      restart_console: (context) => door(context).start(context.node.node),
    },
    async join(context, client, accept) {
      context.note('console.joined')
      try {
        await join(context, client, accept)
      } finally {
        context.note('console.left')
      }
    },
  }
}
