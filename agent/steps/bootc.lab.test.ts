// A container that installs itself, by the real podman of the layer, in the real ramdisk. The image is made here, and so is its `bootc`: a script that looks at what
// it was told and writes the disk. An image of a vendor, with the real bootc, cannot be had without a network.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { makeImage } from '../../sim/image.ts'
import { ociImage, startOciRegistry } from '../../sim/oci-registry.ts'
import { buildLayer } from '../ramdisk/build.ts'
import { partitions, configDrive, rawOf, readRange } from '../testdata/host-tools.ts'
import { HOST, savedAgent } from '../testdata/saved-agent.ts'
import { MIB, serveBytes, serveHttp, temporaryFolder, testNode } from '../testing.ts'

const LOGIN = 'robot:a secret of the registry'
const KEYS = 'ssh-ed25519 AAAA somebody'
const DISK = makeImage(8 * MIB, 3)

/** The last argument is the disk; the keys come in a file. */
const BOOTC = `#!/bin/sh
set -e
echo "bootc $*"
for argument; do
  case $argument in --root-ssh-authorized-keys=*) grep -q 'somebody' "\${argument#*=}" ;; esac
  disk=$argument
done
[ -d /var/lib/containers/storage ]
dd if=/disk.img of="$disk" bs=1M conv=fsync 2>/dev/null
`

it(
  'the image is pulled with its secret, installs itself on the root disk, and the config drive comes behind it',
  { timeout: 600_000 },
  async () => {
    await using folder = await temporaryFolder()
    const busybox = await readFile('/bin/busybox')
    const image = ociImage([
      ...['bin/', 'usr/', 'usr/bin/', 'tmp/', 'var/', 'etc/'].map((path) => ({ path })),
      { path: 'bin/busybox', content: busybox },
      ...['sh', 'dd', 'grep', 'echo'].map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
      { path: 'usr/bin/bootc', content: Buffer.from(BOOTC) },
      { path: 'disk.img', content: DISK.bytes, mode: 0o644 },
    ])
    const packed = await readFile(await buildLayer('containers', console.log))
    const sha256 = createHash('sha256').update(packed).digest('hex')
    await using server = await serveHttp(serveBytes(packed))
    await using agent = await (await savedAgent()).goOn()
    const registry = await startOciRegistry({ tls: agent.tls, images: { 'os/small:1': image }, login: LOGIN })
    try {
      const { file, name } = await agent.addDisk({ sizeMiB: 5000, serial: 'root' })
      const instance_info = { bootc_authorized_keys: KEYS }
      const layers = { containers: { url: `${server.url.replace('127.0.0.1', HOST)}/layer`, sha256 } }
      const source = `oci://${HOST}:${registry.port}/os/small`
      const install = (tag: string, secret: string, configdrive?: string) =>
        agent.command('deploy.execute_deploy_step', {
          step: {
            interface: 'deploy',
            step: 'execute_bootc_install',
            args: {
              image_source: `${source}:${tag}`,
              // Ironic's conductor has the secret, which is base64 already, in base64.
              oci_pull_secret: Buffer.from(Buffer.from(secret).toString('base64')).toString('base64'),
              ...(configdrive && { configdrive }),
            },
          },
          node: { ...testNode, instance_info },
          ports: [],
          layers,
        })
      const { command_error: stranger } = await install('1', 'robot:wrong')
      expect(stranger).toMatchObject({
        type: 'ContainerError',
        message: expect.stringContaining('could not be fetched'),
      })
      const { command_error: missing } = await install('2', LOGIN)
      expect(missing).toMatchObject({ type: 'ContainerError', details: expect.stringContaining('manifest unknown') })
      const { volume, text } = await configDrive(folder.path)
      const { command_error: error, command_result: result } = await install('1', LOGIN, text)
      expect(error).toBeNull()
      expect(JSON.stringify(result)).toContain(`Container image (${source}:1) written to device ${name}`)
      await agent.machine.cut()
      const raw = await rawOf(file)
      expect((await readRange(raw, MIB, 4 * MIB)).equals(DISK.bytes.subarray(MIB, 5 * MIB))).toBe(true)
      const drive = [...(await partitions(raw)).values()].find((each) => each.name === 'config-2')!
      expect((await readRange(raw, drive.start, volume.length)).equals(volume)).toBe(true)
      expect(registry.refused).toBeGreaterThan(0)
    } finally {
      await registry.close()
    }
  },
)
