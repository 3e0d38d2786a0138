import { expect, test } from 'vitest'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import manual from '../drivers/manual-management.ts'
import { bootcDeploy } from './bootc.ts'

const { validate } = bootcDeploy({ setBootDevice: async () => {} })

async function said(image_source: unknown): Promise<string | undefined> {
  const context = await fakeContext(manual, { node: fakeGrant('n', { driver: 'manual-management' }) })
  try {
    await validate!(context as never, { image_source })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test.each([
  'oci://quay.io/fedora/fedora-bootc:42',
  'oci://registry.example:5000/a/b',
  `oci://registry.example/a@sha256:${'a'.repeat(64)}`,
])('%s is an image', async (source) => expect(await said(source)).toBeUndefined())

test.each([
  undefined,
  'http://registry.example/a',
  'oci://registry.example',
  'oci://user:password@registry.example/a',
  'oci://registry.example/../../etc/passwd',
  'oci://registry.example/a@sha256:abc',
  'oci://registry.example/--privileged',
  'oci://registry.example/a b',
])('%s is none, and is refused before a machine is told of it', async (source) =>
  expect(await said(source)).toContain('image_source must be like oci://'),
)
