// Who can log in on this ramdisk: root, with a key alone, and the user of a rescue. That one has the rights of root: whoever may rescue a machine may read its disks
// anyway, and the ramdisk has no sudo.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const RESCUE_USER = 'rescue'

/** The whole of /etc/passwd and /etc/shadow below `root`: nobody else can log in. */
export async function writeUsers(root: string, rescueHash?: string): Promise<void> {
  await mkdir(join(root, 'etc'), { recursive: true })
  const rescue = (line: string) => (rescueHash === undefined ? '' : line)
  const files: Record<string, [text: string, mode: number]> = {
    shadow: [`root:*:::::::\n${rescue(`${RESCUE_USER}:${rescueHash}:::::::\n`)}`, 0o600],
    passwd: [`root:x:0:0:root:/root:/bin/sh\n${rescue(`${RESCUE_USER}:x:0:0:rescue:/root:/bin/sh\n`)}`, 0o644],
    group: ['root:x:0:\n', 0o644],
    shells: ['/bin/sh\n', 0o644],
  }
  for (const [name, [text, mode]] of Object.entries(files)) await writeFile(join(root, 'etc', name), text, { mode })
}
