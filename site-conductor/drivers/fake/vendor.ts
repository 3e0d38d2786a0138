// Vendor methods of fake hardware: Ironic's own examples. Each needs `bar`, and there is one value of it that it is about.
import type { Implementation, VendorMethod } from '../../driver.ts'
import { type Args, type Info, method, refuse, step } from './machine.ts'

function needsBar(args: Args): void {
  if (!args['bar']) refuse('the parameter bar is missing')
}

const post = (description: string, async: boolean): VendorMethod => ({
  description,
  http: ['POST'],
  async,
  validate: needsBar,
})

export const vendor: Implementation<Info> = {
  vendor: {
    second_method: post('Whether bar is kazoo, later', true),
    third_method_sync: post('Whether bar is meow', false),
    fourth_method_shared_lock: post('Whether bar is woof, later', true),
    log_passthrough: { description: 'Says that it was called, later', http: ['POST'], async: true },
  },
  offers: {
    log_passthrough: { clean: 0, service: 0, ramdisk: false },
    // With the ramdisk: while it lasts the node is in service wait.
    trigger_servicewait: { service: 0 },
  },
  steps: {
    second_method: step('vendor.second_method', (machine) => void machine.log.push('vendor second_method')),
    fourth_method_shared_lock: step(
      'vendor.fourth_method_shared_lock',
      (machine) => void machine.log.push('vendor fourth_method_shared_lock'),
    ),
    log_passthrough: step('vendor.log_passthrough', (machine) => void machine.log.push('vendor log_passthrough')),
    trigger_servicewait: step(
      'vendor.trigger_servicewait',
      (machine) => void machine.log.push('vendor trigger_servicewait'),
    ),
  },
  methods: {
    third_method_sync: method((machine, args) => {
      machine.log.push('vendor third_method_sync')
      return args['bar'] === 'meow'
    }),
  },
}
