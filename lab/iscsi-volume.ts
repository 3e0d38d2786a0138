// A storage system with one volume: Debian's tgtd, which lets in one initiator with its secret.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess } from './end-process.ts'
import { installationHint, programPath } from './debian-packages.ts'
import { run } from './run.ts'

export interface IscsiVolume {
  readonly iqn: string
  readonly lun: number
  /** A raw image. */
  readonly path: string
  readonly address: string
  readonly port: number
  readonly initiator: string
  readonly chap: { readonly username: string; readonly password: string }
}

const START_TRIES = 100

export class IscsiServer {
  readonly #folder: string
  #child: ChildProcess | undefined

  /** `folder`: for the control socket. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Of both programs, beside their own. */
  get #socket(): Readonly<Record<string, string>> {
    return { TGT_IPC_SOCKET: join(this.#folder, 'tgtd.socket') }
  }

  /** Resolves when whoever is meant may log in. One at a time. */
  async serve({ iqn, lun, path, address, port, initiator, chap }: IscsiVolume): Promise<void> {
    await this.stop()
    const child = spawn('tgtd', ['--foreground', '--iscsi', `portal=${address}:${port}`], {
      stdio: 'ignore',
      env: { ...process.env, PATH: programPath, ...this.#socket },
    })
    this.#child = child
    let failure: Error | undefined
    child.once('error', (cause) => (failure = new Error(installationHint('tgtd'), { cause })))
    const target = ['--mode', 'target', '--tid', '1']
    for (let tries = 0; !(await this.#adm('--op', 'show', '--mode', 'sys').then(Boolean, () => false)); tries++) {
      if (failure !== undefined || tries === START_TRIES || child.exitCode !== null)
        throw failure ?? new Error('tgtd does not answer')
      await sleep(50)
    }
    await this.#adm('--op', 'new', ...target, '--targetname', iqn)
    await this.#adm('--op', 'new', '--mode', 'account', '--user', chap.username, '--password', chap.password)
    await this.#adm('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', chap.username)
    const unit = ['--mode', 'logicalunit', '--tid', '1', '--lun', String(lun)]
    await this.#adm('--op', 'new', ...unit, '--backing-store', path)
    await this.#adm('--op', 'bind', ...target, '--initiator-name', initiator)
  }

  /** Nobody is answered any more. */
  async stop(): Promise<void> {
    if (this.#child !== undefined) await endProcess(this.#child)
    this.#child = undefined
  }

  #adm(...args: string[]): Promise<string> {
    return run('tgtadm', ['--lld', 'iscsi', ...args], { env: this.#socket })
  }
}
