// What driver_info says of playbooks (Ironic's names). A name is a file of a folder that the site's configuration lists: what runs on a conductor its site has put
// there, whoever writes driver_info.
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import type { Context } from '../../driver.ts'
import type { SiteAnsible } from '../../site.ts'

export interface AnsibleInfo {
  /** Absolute. */
  readonly deploy: string
  readonly clean: string | undefined
  readonly cleanSteps: string | undefined
  readonly shutdown: string | undefined
  /** Where they lie. */
  readonly folder: string
  readonly keyFile: string | undefined
  readonly python: string | undefined
}

/** The conductor's own. */
const OWN_PLAYBOOKS = join(import.meta.dirname, 'playbooks')
export const ANSIBLE_PACKAGES = 'apt-get install ansible-core openssh-client'
const PROGRAMS = ['ansible-playbook', 'ssh', 'ssh-keygen', 'setpriv', 'unshare']

const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'must be the name of a file, without its folder')
const fields = z.object({
  ansible_username: z.literal('root', { error: 'must be root, the only user of the ramdisk' }).optional(),
  ansible_key_file: fileName.optional(),
  ansible_deploy_playbook: fileName.default('deploy.yaml'),
  ansible_clean_playbook: fileName.optional(),
  ansible_clean_steps_config: fileName.optional(),
  ansible_shutdown_playbook: fileName.optional(),
  ansible_playbooks_path: z.string().optional(),
  ansible_python_interpreter: z
    .string()
    .regex(/^\/[A-Za-z0-9_./-]+$/, 'must be an absolute path')
    .optional(),
})

/** Throws a FaultError that says what is missing. */
export function ansibleInfoOf({ driverInfo, site }: Pick<Context<unknown>, 'driverInfo' | 'site'>): AnsibleInfo {
  const { ansible } = site
  if (ansible === undefined)
    throw new FaultError('driver.unsupported', 'this conductor runs no playbooks', {
      hint: 'choose another deploy interface',
    })
  requirePrograms(ansible)
  const given = Object.entries(driverInfo ?? {}).filter(([, value]) => value !== null && value !== '')
  const parsed = fields.safeParse(Object.fromEntries(given))
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw new FaultError('driver.invalid_info', `driver_info.${path.join('.')} ${message}`)
  }
  const info = parsed.data
  const folder = folderOf(info.ansible_playbooks_path, ansible)
  const file = (name: keyof typeof info) => {
    const value = info[name]
    return value === undefined ? undefined : fileIn(folder, value, name)
  }
  return {
    deploy: file('ansible_deploy_playbook')!,
    clean: file('ansible_clean_playbook'),
    cleanSteps: file('ansible_clean_steps_config'),
    shutdown: file('ansible_shutdown_playbook'),
    folder,
    keyFile: file('ansible_key_file'),
    python: info.ansible_python_interpreter,
  }
}

/** Those of the programs that are not in a folder of `path` (PATH). */
export function missingPrograms(path: string): string[] {
  const isThere = (program: string) =>
    path.split(delimiter).some((folder) => {
      try {
        accessSync(join(folder, program), constants.X_OK)
        return true
      } catch {
        return false
      }
    })
  return PROGRAMS.filter((program) => !isThere(program))
}

function requirePrograms({ path }: SiteAnsible): void {
  const missing = missingPrograms(path)
  if (missing.length === 0) return
  throw new FaultError('driver.unsupported', `this conductor has no ${missing.join(' and no ')}`, {
    hint: `on the conductor: ${ANSIBLE_PACKAGES}; or set deploy_interface to direct`,
  })
}

function folderOf(wanted: string | undefined, { playbooks }: SiteAnsible): string {
  if (wanted === undefined) return playbooks[0] ?? OWN_PLAYBOOKS
  const found = playbooks.find((folder) => folder.replace(/\/+$/, '') === wanted.replace(/\/+$/, ''))
  if (found !== undefined) return found
  throw new FaultError('driver.invalid_info', `ansible_playbooks_path ${wanted} is no folder that may be named`, {
    hint: 'folders are listed in ansiblePlaybooks at the conductor',
  })
}

/** A link may lead nowhere else. */
function fileIn(folder: string, name: string, field: string): string {
  try {
    const path = realpathSync(join(folder, name))
    if (path.startsWith(`${realpathSync(folder)}/`) && statSync(path).isFile()) return path
  } catch {
    // What it is, is nobody's business.
  }
  throw new FaultError(
    'driver.invalid_info',
    `${field}: there is no file ${name} among the playbooks of this conductor`,
  )
}
