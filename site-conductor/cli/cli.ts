// The commands of ferrule-conductor, as data for commander; main.ts runs them. Exit codes: 0 well, 1 failed, 2 wrong usage or
// configuration, 3 not enrolled, 4 the cloud refuses this conductor (no restart will help).
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { type Log, logger } from '../log.ts'
import { admit, receive, requestSiteKey } from './admit.ts'
import {
  type Config,
  CONFIG_KEYS,
  Config as ConfigSchema,
  DEFAULT_FILE,
  describeConfig,
  environmentName,
  flagName,
  resolveConfig,
  type Resolved,
} from '../config.ts'
import { startConductor } from '../conductor.ts'
import { folder } from '../disk.ts'
import { examine } from './doctor.ts'
import { enrol, EnrolError, type Enrolled } from './enrol.ts'
import { readIdentity } from '../identity.ts'
import { LOCAL_POWER } from '../local/actions.ts'
import { type LocalCommand, localCommand } from '../local/command.ts'
import { describeOpenStack, readOpenStackConfig } from '../openstack/config.ts'
import { status } from './status.ts'
import { VERSION } from '../version.ts'

export const EXIT = { ok: 0, failed: 1, usage: 2, notEnrolled: 3, refused: 4 } as const

/** What a command may touch, so that tests run commands in-process. */
export interface Terminal {
  out(text: string): void
  error(text: string): void
  readonly environment: Readonly<Record<string, string | undefined>>
  stdin(): Promise<string>
  /** Resolves when somebody asks the process to end (SIGTERM, SIGINT). */
  readonly stopped: Promise<void>
}

/** Runs one command line (without node and script) and returns the exit code. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = EXIT.ok
  const program = new Command('ferrule-conductor')
    .description('The site conductor of Ferrule: drives the machines of one site on behalf of the cloud.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.error(text.trimEnd()),
    })
    .showHelpAfterError('(ferrule-conductor --help shows the commands)')
  const run = (action: (flags: Record<string, unknown>, ...positional: string[]) => Promise<number>) => {
    return async (...given: unknown[]) => {
      const command = given.at(-1) as Command
      code = await action(command.opts(), ...(given.slice(0, -2) as string[]))
    }
  }

  program
    .command('enroll')
    .description('Make this host a conductor of a site. Makes its keys, spends the token, stores who it is.')
    .requiredOption('--url <url>', 'the cloud, such as https://ferrule.example.com')
    .requiredOption(
      '--token-file <path>',
      'file that holds the enrolment token; "-" reads standard input (a token never belongs on a command line)',
    )
    .option('--data <dir>', 'data folder; it must survive a restart', ConfigSchema.shape.dataDir.parse(undefined))
    .addHelpText(
      'after',
      '\nExample:\n  ferrule-conductor enroll --url https://ferrule.example.com --token-file -\n  (then paste the token and press Ctrl-D)',
    )
    .action(run((flags) => enrollCommand(flags as never, terminal)))
  withConfig(program.command('run').description('Connect to the cloud and work, until SIGTERM or SIGINT.')).action(
    run((flags) => configured(flags, terminal, (resolved) => runCommand(resolved.config, terminal))),
  )
  withConfig(
    program.command('status').description('Who this host is, and what its journal still holds for the cloud.'),
  ).action(
    run((flags) => configured(flags, terminal, async ({ config }) => await status(config.dataDir, terminal.out, EXIT))),
  )
  withConfig(
    program.command('doctor').description('Look for what keeps a conductor from working, and say what to do about it.'),
  ).action(
    run((flags) =>
      configured(flags, terminal, async ({ config }) =>
        (await examine(config, terminal.out)) ? EXIT.ok : EXIT.failed,
      ),
    ),
  )
  withConfig(
    program.command('check').description('Print the resolved configuration and where each value comes from.'),
  ).action(run((flags) => configured(flags, terminal, (resolved) => checkCommand(resolved, terminal))))
  withConfig(
    program
      .command('request-key')
      .description('Print the request that a conductor with the site key needs for "admit".'),
  ).action(
    run((flags) =>
      configured(flags, terminal, async ({ config }) => {
        const { text, fingerprint } = await requestSiteKey(await folder(config.dataDir))
        terminal.out(text)
        terminal.error(`Fingerprint, to be confirmed on the other host: ${fingerprint}`)
        return EXIT.ok
      }),
    ),
  )
  withConfig(
    program
      .command('admit')
      .argument('<fingerprint>', 'as the new host prints it')
      .description('Give the site key to a new conductor: request on standard input, answer on standard output.'),
  ).action(
    run((flags, fingerprint = '') =>
      configured(flags, terminal, async ({ config }) => {
        terminal.out(await admit(await folder(config.dataDir), await terminal.stdin(), fingerprint))
        return EXIT.ok
      }),
    ),
  )
  withConfig(
    program.command('receive').description('Take in the site key: the answer of "admit" on standard input.'),
  ).action(
    run((flags) =>
      configured(flags, terminal, async ({ config }) => {
        await receive(await folder(config.dataDir), await terminal.stdin())
        terminal.out('This conductor has the site key now. Restart it.')
        return EXIT.ok
      }),
    ),
  )

  const local = program
    .command('local')
    .description(
      'Break-glass: act on a machine of this site while the cloud is away, for longer than the lease. On record; the node is in maintenance afterwards.',
    )
  const act = (command: Command, action: LocalCommand['action']) => {
    if (action !== 'console') {
      command.option('--confirm <text>', 'serial number or name of the machine; without it you are asked')
      command.option('--reason <text>', 'why, for the record')
    }
    withConfig(command.argument('<node>', 'UUID or name'))
    if (action === 'power') command.argument('<target>', Object.keys(LOCAL_POWER).join(', '))
    command.action(
      run(({ confirm, reason, ...flags }, node = '', target = '') =>
        configured(flags, terminal, async ({ config }) => {
          const asked = { confirm: confirm as string | undefined, reason: reason as string | undefined }
          const isDone = await localCommand(config, loggerOf(config, terminal), terminal, {
            action,
            node,
            target,
            ...asked,
          })
          return isDone ? EXIT.ok : EXIT.failed
        }),
      ),
    )
  }
  act(local.command('power').description('Switch a machine on or off.'), 'power')
  act(local.command('abort').description('End the task that works on a machine here.'), 'abort')
  act(local.command('console').description("Reach a machine's console."), 'console')

  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (isCommanderError(error)) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    terminal.error(error instanceof Error ? error.message : String(error))
    return EXIT.failed
  }
}

function withConfig(command: Command): Command {
  command.option('--config <path>', `JSON file; default ${DEFAULT_FILE}, where it exists`)
  for (const key of CONFIG_KEYS) {
    command.option(`${flagName(key)} <value>`, `${ConfigSchema.shape[key].description ?? ''} (${environmentName(key)})`)
  }
  return command
}

async function configured(
  flags: Record<string, unknown>,
  terminal: Terminal,
  action: (resolved: Resolved) => Promise<number>,
): Promise<number> {
  let resolved: Resolved
  try {
    const { config: path, ...values } = flags
    resolved = resolveConfig({
      flags: values,
      environment: terminal.environment,
      file: await configFile(path as string | undefined),
    })
  } catch (error) {
    terminal.error((error as Error).message)
    return EXIT.usage
  }
  return await action(resolved)
}

async function configFile(path: string | undefined): Promise<string | undefined> {
  try {
    return await readFile(path ?? DEFAULT_FILE, 'utf8')
  } catch (error) {
    if (path === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path ?? DEFAULT_FILE} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

async function enrollCommand(
  flags: { url: string; tokenFile: string; data: string },
  terminal: Terminal,
): Promise<number> {
  const text = flags.tokenFile === '-' ? await terminal.stdin() : await readFile(flags.tokenFile, 'utf8')
  try {
    terminal.out(enrolledText(await enrol({ url: flags.url, token: text.trim(), dataDir: flags.data })))
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof EnrolError)) throw error
    terminal.error(`${error.message}\nNext: ${error.hint}`)
    return EXIT.failed
  }
}

function enrolledText(enrolled: Enrolled): string {
  const lines = [
    enrolled.already ? 'This host is enrolled already; the token was not used.' : 'Enrolled.',
    `conductor     ${enrolled.conductor}`,
    `site          ${enrolled.site}`,
    `organisation  ${enrolled.organisation}`,
  ]
  if (enrolled.fingerprint !== null) lines.push(`site key      ${enrolled.fingerprint}`)
  if (!enrolled.hasSiteKey) {
    lines.push(
      'This site has a key already, made by another conductor. Until this one has it, it cannot open BMC passwords. To give it the key:',
      '  1. here:                          ferrule-conductor request-key > request',
      '  2. on a conductor that has it:    ferrule-conductor admit "FINGERPRINT" < request > bundle',
      '  3. here:                          ferrule-conductor receive < bundle',
    )
  }
  return [...lines, ...enrolled.warnings.map((warning) => `Warning: ${warning}`), 'Next: ferrule-conductor run'].join(
    '\n',
  )
}

function loggerOf(config: Config, terminal: Terminal): Log {
  return logger({
    level: config.logLevel,
    format: config.logFormat,
    now: () => Date.now(),
    write: (line) => terminal.error(line),
  })
}

async function checkCommand(resolved: Resolved, terminal: Terminal): Promise<number> {
  terminal.out(describeConfig(resolved))
  const { openstackFile } = resolved.config
  try {
    if (openstackFile !== undefined) terminal.out(describeOpenStack(await readOpenStackConfig(openstackFile)))
    return EXIT.ok
  } catch (error) {
    terminal.error((error as Error).message)
    return EXIT.usage
  }
}

async function runCommand(config: Config, terminal: Terminal): Promise<number> {
  const log = loggerOf(config, terminal)
  if ((await readIdentity(await folder(config.dataDir))) === undefined) {
    terminal.error(`${config.dataDir} holds no identity.\nNext: ferrule-conductor enroll --url URL --token-file -`)
    return EXIT.notEnrolled
  }
  const conductor = await startConductor({ config, log })
  const outcome = await Promise.race([conductor.ended, terminal.stopped.then(() => undefined)]).finally(() =>
    conductor.close(),
  )
  if (outcome?.kind !== 'fatal') return EXIT.ok
  log.error('the cloud refuses this conductor', { why: outcome.why })
  return EXIT.refused
}

function isCommanderError(error: unknown): error is { exitCode: number } {
  return (
    error instanceof Error && 'exitCode' in error && String((error as { code?: unknown }).code).startsWith('commander.')
  )
}
