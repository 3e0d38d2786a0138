// Step: files written into the file systems of what was deployed, or deleted there (Ironic's inject_files). What an image has in it is not trusted: its
// links lead nowhere outside the file system that they are in (disk/inside.ts).
import { chmod, chown, copyFile, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type InjectedFile, injectedFilesSchema, injectFilesArgs } from '../../shared/step-arguments.ts'
import { type CommandContext, defineStep } from '../command.ts'
import { download } from '../disk/download.ts'
import { resolveInside } from '../disk/inside.ts'
import { AgentFault } from '../fault.ts'
import { fileSystemsFor, type FoundFileSystem } from './file-systems.ts'
import { filledIn } from './node-url.ts'

const MAX_FETCHED_BYTES = 2 ** 30
const FILE_MODE = 0o644
const FOLDER_MODE = 0o755

/** Files of the node come before those of the request. Throws for those of the node, which nobody has looked at before. */
function filesOf({ node }: CommandContext, asked: readonly InjectedFile[]): InjectedFile[] {
  const own = injectedFilesSchema.safeParse(node.properties['inject_files'] ?? [])
  if (own.success) return [...own.data, ...asked]
  const issue = own.error.issues[0]
  throw new AgentFault(
    'InvalidCommandParamsError',
    `properties/inject_files: ${[issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')}`,
  )
}

/** The first folder of a path is where its file system is known by. */
const topOf = ({ path }: InjectedFile) => path.split('/').find((part) => part !== '' && part !== '.') ?? ''

async function isFolderInside(root: string, name: string): Promise<boolean> {
  const found = await stat(await resolveInside(root, name)).catch(() => undefined)
  return found?.isDirectory() === true
}

/** Runs `use` with the folder that the file's file system is mounted at. */
async function withPlace(
  { machine }: CommandContext,
  file: InjectedFile,
  found: readonly FoundFileSystem[],
  use: (root: string) => Promise<void>,
): Promise<void> {
  const tried: string[] = []
  for (const { device, type } of found) {
    let isHere = file.partition !== undefined
    try {
      isHere ||= await machine.withFileSystem(device, type, (root) => isFolderInside(root, topOf(file)))
    } catch (error) {
      // An instance may have file systems that are of no concern here.
      if (!(error instanceof AgentFault) || error.type !== 'DiskReadError') throw error
      tried.push(`${device} (${type}: ${error.details})`)
      continue
    }
    if (isHere) return await machine.withFileSystem(device, type, use, 'write')
    tried.push(`${device} (${type})`)
  }
  throw new AgentFault(
    'DeviceNotFound',
    `${file.path}: no file system has the folder ${topOf(file)}`,
    `looked into ${tried.join(', ') || 'nothing: no partition has a file system that this ramdisk can write'}`,
  )
}

async function makeFolder(folder: string, mode = FOLDER_MODE): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  // Whatever the umask is; those above the last one are as folders usually are.
  for (let each = dirname(folder); each.startsWith(first); each = dirname(each)) await chmod(each, FOLDER_MODE)
  await chmod(folder, mode)
}

/** All of it is there before anything of the file is touched. */
async function bring(context: CommandContext, file: InjectedFile, verify: boolean, into: string): Promise<void> {
  const url = file.url ?? (/^https?:\/\//i.test(file.content ?? '') ? file.content : undefined)
  const handle = await open(into, 'wx', 0o600)
  try {
    if (url === undefined) return await handle.writeFile(Buffer.from(file.content ?? '', 'base64'))
    await download({
      urls: [filledIn(url, context)],
      caPem: context.machine.caPem,
      verify,
      maxBytes: MAX_FETCHED_BYTES,
      signal: context.signal,
      log: context.log,
      what: `file ${file.path}`,
      // Not write(), which says how much of it there was room for.
      push: (bytes) => handle.appendFile(bytes),
    })
  } finally {
    await handle.close()
  }
}

async function write(context: CommandContext, file: InjectedFile, verify: boolean, root: string): Promise<void> {
  const path = await resolveInside(root, file.path)
  const old = await lstat(path).catch(() => undefined)
  if (old !== undefined && !old.isFile())
    throw new AgentFault('DiskWriteError', `${file.path} is there already, and is no file`)
  await makeFolder(dirname(path), file.dirmode)
  const part = `${path}.${crypto.randomUUID().slice(0, 8)}`
  try {
    await bring(context, file, verify, part)
    // One that is there keeps its owner, its mode and its labels.
    if (old === undefined) await chmod(part, FILE_MODE).then(() => rename(part, path))
    else await copyFile(part, path).then(() => chmod(path, old.mode & 0o7777))
  } finally {
    await rm(part, { force: true })
  }
  const { mode, owner = -1, group = -1 } = file
  // First the owner: a change of it takes set-user-ID away.
  if (owner !== -1 || group !== -1) {
    const now = await stat(path)
    await chown(path, owner === -1 ? now.uid : owner, group === -1 ? now.gid : group)
  }
  if (mode !== undefined) await chmod(path, mode)
}

async function remove(file: InjectedFile, root: string): Promise<void> {
  const path = await resolveInside(root, file.path, 'itself')
  const old = await lstat(path).catch(() => undefined)
  if (old?.isDirectory() === true) throw new AgentFault('DiskWriteError', `${file.path} is a folder, and stays`)
  await rm(path, { force: true })
}

export const injectFilesStep = defineStep({
  interface: 'deploy',
  step: 'inject_files',
  about: 'Writes files into the file systems of the root disk, or deletes them there.',
  priorities: { deploy: 0, service: 0 },
  args: injectFilesArgs,
  async run(context, { files: asked, verify_ca: verify }) {
    const files = filesOf(context, asked ?? [])
    const told: string[] = []
    for (const file of files) {
      context.signal.throwIfAborted()
      const found = await fileSystemsFor(context, file.partition)
      await withPlace(context, file, found, async (root) => {
        try {
          await (file.deleted === true ? remove(file, root) : write(context, file, verify !== false, root))
        } catch (error) {
          if (error instanceof AgentFault || context.signal.aborted) throw error
          throw new AgentFault('DiskWriteError', `${file.path} cannot be written`, String(error).replaceAll(root, ''))
        }
      })
      told.push(file.deleted === true ? `${file.path} deleted` : file.path)
    }
    await context.machine.sync()
    return { result: `inject_files: ${told.join(', ') || 'no files'}` }
  },
})
