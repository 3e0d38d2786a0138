// The deploy interface "bootc": a container image that is an operating system. The agent fetches it from its registry and has its own bootc write the root disk;
// nothing of the image goes through the conductor.
import { containerImageSchema } from '../../shared/container-image.ts'
import { FaultError } from '../../shared/faults.ts'
import type { Implementation, StepContext } from '../driver.ts'
import { directDeploy } from './direct.ts'
import { configDriveOf } from './instance-drive.ts'
import { type AgentOptions, nodeParams, performer } from './perform.ts'
import { refuseProperties } from './properties.ts'
import { layersFor } from './step-needs.ts'
import { deployContext, openSecret } from './task-context.ts'

/** What begins like this is a container, and nothing else is. */
const SCHEME = 'oci://'

type Fields = Readonly<Record<string, unknown>>

function sourceOf(instanceInfo: Fields): string {
  const source = containerImageSchema.safeParse(instanceInfo['image_source'])
  if (source.success) return source.data
  throw new FaultError('request.invalid', 'instance_info.image_source must be like oci://registry.example/name:tag', {
    hint: 'an image of a disk is deployed by deploy interface direct',
  })
}

/** As the agent is told it: in base64 once more (Ironic's). */
async function secretOf(context: StepContext<unknown>): Promise<string | undefined> {
  const { image_pull_secret: sealed } = deployContext(context).instance_info
  if (typeof sealed !== 'string' || sealed === '') return undefined
  return Buffer.from(await openSecret(context, 'instance_info.image_pull_secret', sealed)).toString('base64')
}

export function bootcDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const { offers, steps, resume, failed } = directDeploy<Info>(options)
  const { write_image: _, write_configdrive: __, prepare_instance_boot: setBootToDisk, ...more } = steps!
  const perform = performer(options)
  return {
    deployment: {
      core: ['boot_agent', 'execute_bootc_install', 'set_boot_to_disk', 'tear_down_agent', 'boot_instance'],
      takesPrefixed: { image_source: SCHEME },
    },
    validate(context, instanceInfo) {
      refuseProperties(context, instanceInfo)
      if (instanceInfo !== undefined) sourceOf(instanceInfo)
    },
    offers: offers!,
    resume: resume!,
    failed: failed!,
    steps: {
      ...more,
      async execute_bootc_install(context) {
        const plain = context as StepContext<unknown>
        const [configdrive, secret] = [await configDriveOf(plain), await secretOf(plain)]
        const args = {
          image_source: sourceOf(deployContext(plain).instance_info),
          ...(configdrive !== undefined && { configdrive }),
          ...(secret !== undefined && { oci_pull_secret: secret }),
        }
        await perform(context, 'execute_bootc_install', 'deploy.execute_deploy_step', {
          step: { interface: 'deploy', step: 'execute_bootc_install', args },
          ...nodeParams(plain),
          ...(await layersFor(context, 'execute_bootc_install')),
        })
      },
      /** bootc may have made a boot entry, and where it could not, there is none. */
      set_boot_to_disk: setBootToDisk!,
    },
  }
}
