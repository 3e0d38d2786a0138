// standby.execute_bootc_install: what the step of that name does, as Ironic's older conductors order it.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { bootcArgs, installContainer } from '../steps/bootc.ts'

export const executeBootcInstall = defineCommand({
  name: 'standby.execute_bootc_install',
  about: 'Installs a bootable container image on the root disk, by its own bootc.',
  kind: 'async',
  params: bootcArgs.extend({ instance_info: z.record(z.string().max(255), z.unknown()).default({}) }),
  run: (context, { instance_info, ...args }) =>
    installContainer(
      { ...context, node: { ...context.node, instance_info: { ...context.node.instance_info, ...instance_info } } },
      args,
    ),
})
