// A container that becomes the instance of a machine, from the request to its operating system. podman is played by a script that tells what it was asked and writes the
// disk as a container's bootc would; the real one is in agent/steps/bootc.lab.test.ts.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeImage } from '../sim/image.ts'
import { Canary } from './canary.ts'
import { startStory } from './story.ts'

const SECRET = 'cm9ib3Q6dmVyeSBzZWNyZXQgaW5kZWVk'
const SOURCE = 'oci://registry.example:5000/os/small:1'

const PODMAN = `#!/bin/sh
echo "$*" >> "$LAYER/asked"
case $1 in
  pull)
    case $* in *missing*) echo 'manifest unknown' >&2; exit 125 ;; esac
    for each; do case $each in --authfile=*) cat "$LAYER/\${each#*=}" >> "$LAYER/auth" ;; esac; done ;;
  run)
    for each; do disk=$each; done
    dd if="$(dirname "$0")/disk.img" of="$disk" conv=notrunc 2>/dev/null ;;
esac
`

async function programs(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'ferrule-podman-'))
  await writeFile(join(path, 'podman'), PODMAN)
  await chmod(join(path, 'podman'), 0o755)
  await writeFile(join(path, 'disk.img'), makeImage(8 * 2 ** 20).bytes)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('autodetect has a container install itself, with its secret and its config drive', async (context) => {
  await using folder = await programs()
  const canary = new Canary({ secret: SECRET })
  await using story = await startStory(context, {
    programs: folder.path,
    onFrame: (frame) => canary.look('frame', frame),
  })
  const { api, machine, node } = story
  api.onAnswer = (path, text) => canary.look(`answer ${path}`, text)
  const layers = join(story.folder, 'site/conductor/files/layers')
  await mkdir(layers)
  await writeFile(join(layers, 'containers.cpio.zst'), 'a layer')
  await api.patchNode(node, { automated_clean: false, deploy_interface: 'autodetect' })
  await story.prepare()
  const keys = 'ssh-ed25519 AAAA somebody'
  await api.patchNode(node, {
    instance_info: { image_source: SOURCE, image_pull_secret: SECRET, bootc_authorized_keys: keys },
  })
  const shown = (await api.node(node))['instance_info'] as Record<string, unknown>
  expect(shown['image_pull_secret']).toBe('******')
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'contained' } } })
  expect((await story.reach('active'))['deploy_interface']).toBe('bootc')
  await story.until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(machine.transitions.at(-1)?.detail).toContain('host=contained')

  const layer = join(machine.options.folder, 'layers/containers')
  const [pull, run] = (await readFile(join(layer, 'asked'), 'utf8')).trim().split('\n')
  expect(pull).toBe('pull --authfile=/run/ferrule-bootc/auth.json docker://registry.example:5000/os/small:1')
  expect(run).toMatch(
    /^run --rm --name=ferrule-bootc --replace --privileged --pid=host .* registry\.example:5000\/os\/small:1 bootc install to-disk --wipe --skip-fetch-check --root-size=\d+M --root-ssh-authorized-keys=\S+ \S+disk$/,
  )
  expect(JSON.parse(await readFile(join(layer, 'auth'), 'utf8'))).toEqual({
    auths: { 'registry.example:5000': { auth: SECRET } },
  })
  expect(await readFile(join(layer, 'var/tmp/ferrule-authorized-keys'), 'utf8')).toBe(`${keys}\n`)
  await expect(readFile(join(layer, 'run/ferrule-bootc/auth.json')), 'it is gone').rejects.toThrow('ENOENT')
  expect(machine.console()).not.toContain(SECRET)
  const steps = (await api.timeline(node)).flatMap(({ type, step }) => (type === 'step.finished' ? [step] : []))
  expect(steps.filter((step) => step?.startsWith('deploy.'))).toEqual([
    ...['deploy.wait_agent', 'deploy.execute_bootc_install', 'deploy.set_boot_to_disk', 'deploy.tear_down_agent'],
  ])
  expect(canary.hits).toEqual([])
})

test('a source that is no container is refused, and an image that is not there fails the deployment', async (context) => {
  await using folder = await programs()
  await using story = await startStory(context, { programs: folder.path })
  const { api, node, site, machine } = story
  const layers = join(story.folder, 'site/conductor/files/layers')
  await mkdir(layers)
  await writeFile(join(layers, 'containers.cpio.zst'), 'a layer')
  await api.patchNode(node, { automated_clean: false, deploy_interface: 'bootc' })
  await story.prepare()
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  const valid = (await api.call('GET', `/nodes/${node}/validate`)) as Record<
    string,
    { result: boolean; reason: string }
  >
  expect(valid['deploy']).toMatchObject({ result: false, reason: expect.stringContaining('oci://') })
  await api.patchNode(node, { instance_info: { image_source: 'oci://registry.example/os/missing:1' } })
  await api.provision(node, 'active')
  const { last_error: why } = await story.fail('deploy failed')
  expect(why).toContain('the image registry.example/os/missing:1 could not be fetched')
  expect(why).toContain('manifest unknown')
  expect(machine.transitions.at(-1)?.kind).toBe('power off')
})
