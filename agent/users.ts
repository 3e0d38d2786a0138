// The user of a rescue. It has the rights of root: whoever may rescue a machine may read its disks anyway, and the ramdisk has no sudo.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const RESCUE_USER = 'rescue'

/** The whole of /etc/passwd and /etc/shadow below `root`: nobody else can log in. */
export async function writeRescueUser(root: string, passwordHash: string): Promise<void> {
  await mkdir(join(root, 'etc'), { recursive: true })
  const files: Record<string, [text: string, mode: number]> = {
    shadow: [`root:*:::::::\n${RESCUE_USER}:${passwordHash}:::::::\n`, 0o600],
    passwd: [`root:x:0:0:root:/root:/bin/sh\n${RESCUE_USER}:x:0:0:rescue:/root:/bin/sh\n`, 0o644],
    group: ['root:x:0:\n', 0o644],
    shells: ['/bin/sh\n', 0o644],
  }
  for (const [name, [text, mode]] of Object.entries(files)) await writeFile(join(root, 'etc', name), text, { mode })
}
